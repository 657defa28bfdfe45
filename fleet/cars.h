// A fleet from a PKI folder: one car per vehicle certificate, driven by schedules or recordings.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"
#include "fleet/car/car_pool.h"

namespace wayside::fleet {

struct CarsOptions {
  std::vector<std::string> vehicles;
  std::string pki;
  std::string region;     // empty: the cars take no commands
  std::string journal;    // file
  std::string state_dir;  // what the cars keep of commands
  Endpoint to;
  std::string server_ca;  // PEM; empty: <pki>/ca/links.crt
  std::uint64_t seed = 0;
  std::vector<std::string> replay_files;  // recordings, dealt to the cars in turn; none: EPA schedules
  std::string replay_map;
  bool replay_whole = false;  // from the first row to the last instead of from a seeded row
  CarOptions car;             // vehicle and seed are filled in; interval_ms -1: the source's own
};

// VINs of simulated cars: "WSYDEM" and eleven digits.
std::vector<std::string> simulated_vins(std::size_t count);

// Not started. `disk` must outlive the pool.
Result<std::unique_ptr<CarPool>> make_cars(const CarsOptions& options, Disk& disk);

}  // namespace wayside::fleet
