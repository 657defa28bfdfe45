// One of the things that are measured beside each other: an edge that cars speak to, a link, a core behind it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/result.h"
#include "fleet/car/connection.h"

namespace wayside::bench {

// Thread  one: the same that makes it (its processes die with that thread).
class Side {
 public:
  virtual ~Side() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  // What an acknowledgement stands for, in one sentence: figures of unlike promises are not compared in silence.
  [[nodiscard]] virtual std::string durable() const = 0;
  [[nodiscard]] virtual fleet::Endpoint door() const = 0;
  [[nodiscard]] virtual std::string sink() const = 0;
  // All processes of the edge; what the core uses is not counted, on either side.
  [[nodiscard]] virtual std::vector<pid_t> edge_processes() = 0;
  // TCP payload between edge and core, both ways.
  [[nodiscard]] virtual std::uint64_t link_bytes() = 0;
};

struct SideOptions {
  std::string dir;
  std::string pki;
  std::string bin_dir;
  std::string mosquitto;
  std::vector<std::string> vehicles;
  std::uint64_t seed = 0;
};

// wayside-broker with its local Mosquitto, wayside-bridge edge; a core of their own. Makes the PKI where it is missing.
Result<std::unique_ptr<Side>> start_wayside(const SideOptions& options);
// A Mosquitto with its own bridge, QoS 1 all the way, its state in memory alone: where it is fastest. Told to save on
// every change it writes all of its state each time, and does not get a load like this through in minutes.
Result<std::unique_ptr<Side>> start_stock(const SideOptions& options, Disk& disk);

}  // namespace wayside::bench
