// A whole region with cars, in a folder of its own, for tests that look at it from outside.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cli/volume.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "fleet/cars.h"
#include "fleet/ledger.h"
#include "fleet/region.h"
#include "fleet/verify.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {

struct RunningRegion {
  static constexpr int kPatienceMs = 30'000;

  // `shape` sets what the cars do; vehicles, PKI, journal and endpoint are filled in. With further edges the cars are
  // dealt to all of them in turn, the first car to the first edge.
  RunningRegion(std::size_t cars_count, const std::function<void(fleet::CarsOptions&)>& shape,
                std::vector<std::string> further_edges = {}) {
    INFO("seed " << seed);
    fleet::RegionOptions options;
    options.dir = dir.path() + "/r";
    options.bin_dir = WAYSIDE_BIN_DIR;
    options.vehicles = fleet::simulated_vins(cars_count);
    options.seed = seed;
    options.names.further_edges = std::move(further_edges);
    auto prepared = fleet::Region::prepare(options);
    if (!prepared) FAIL(prepared.error().what);
    region = std::move(*prepared);
    auto up = region->start([](const std::string&) {});
    if (!up) FAIL(up.error().what);
    fleet::CarsOptions cars_options;
    cars_options.vehicles = options.vehicles;
    cars_options.pki = region->paths().pki;
    cars_options.region = options.names.region;
    cars_options.journal = region->paths().journals() + "/cars.jsonl";
    cars_options.state_dir = region->paths().dir + "/cars";
    cars_options.to = {"127.0.0.1", region->ports().vehicles};
    cars_options.seed = seed;
    shape(cars_options);
    auto made = fleet::make_cars(cars_options, *disk);
    if (!made) FAIL(made.error().what);
    cars = std::move(*made);
    for (std::size_t i = 0; i < cars_count; ++i) {
      const std::size_t edge = fleet::kFirstEdge + i % edges();
      if (edge != fleet::kFirstEdge) cars->redirect(options.vehicles[i], at_edge(edge));
    }
    REQUIRE(cars->start().ok());
  }

  // All said, all acknowledged, all in the sink.
  void drain() {
    REQUIRE(wait_until(
        [&] {
          const auto stats = cars->stats();
          return stats.finished == stats.cars && stats.idle == stats.cars;
        },
        4 * kPatienceMs));
    cars->stop();
    REQUIRE(wait_until([&] { return settled_and_written(); }, kPatienceMs));
  }

  // Nothing pends at any edge, and the file sink holds every delivered record.
  [[nodiscard]] bool settled_and_written() const {
    const auto report = fleet::verify(region->paths().journals(), region->paths().sink());
    if (!report) return false;
    for (std::size_t edge = fleet::kFirstEdge; edge <= edges(); ++edge) {
      const auto volume = cli::read_volume(region->paths().edge_state(edge) + "/spool");
      if (!volume || !fleet::sink_holds_all(*volume, report->ids_by_lane)) return false;
      if (!std::ranges::all_of(volume->lanes, [](const auto& lane) { return lane.pending == 0; })) return false;
    }
    return true;
  }

  [[nodiscard]] std::size_t edges() const { return region->options().names.edges(); }
  // Where vehicles connect to it.
  [[nodiscard]] fleet::Endpoint at_edge(std::size_t edge) const {
    return {"127.0.0.1", region->ports().of_edge(edge).vehicles};
  }

  std::uint64_t seed = os::random_seed() >> 1U;
  TempDir dir{"region"};
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  std::unique_ptr<fleet::Region> region;
  std::unique_ptr<fleet::CarPool> cars;
};

}  // namespace wayside::test
