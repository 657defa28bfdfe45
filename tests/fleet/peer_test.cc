// The comparison must be fair: without an outage the stock broker loses nothing under our harness either.
#include "fleet/peer.h"

#include <catch2/catch_test_macros.hpp>

#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "fleet/region.h"
#include "fleet/region_files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::fleet;

namespace {

PeerResult run_peer(PeerSettings settings, bool outage) {
  test::TempDir dir;
  const auto disk = os::make_posix_disk();
  PeerOptions options;
  options.dir = dir.path() + "/peer";
  options.mosquitto = find_program("mosquitto");
  options.settings = settings;
  options.cars.vehicles = simulated_vins(3);
  options.cars.pki = dir.path() + "/pki";
  options.cars.seed = 11;
  options.cars.car.interval_ms = 50;
  REQUIRE(make_region_pki(options.cars.pki, {}, options.cars.vehicles).ok());
  auto peer = Peer::start(options, *disk);
  REQUIRE(peer.ok());
  auto& cars = (*peer)->cars();
  REQUIRE(test::wait_until([&] { return (*peer)->recorded() > 60; }, 15'000));
  if (outage) {
    (*peer)->kill_core();
    const auto acked = cars.stats().total.acked;
    REQUIRE(test::wait_until([&] { return cars.stats().total.acked > acked + 100; }, 15'000));
    REQUIRE((*peer)->start_core().ok());
  }
  cars.finish();
  REQUIRE(test::wait_until([&] { return cars.stats().idle == 3; }, 15'000));
  test::wait_until([&] { return (*peer)->recorded() >= cars.stats().total.acked; }, outage ? 8'000 : 15'000);
  const auto result = (*peer)->result();
  REQUIRE(result.ok());
  return *result;
}

}  // namespace

TEST_CASE("without an outage a stock broker with the best settings delivers every acknowledged message") {
  const auto result = run_peer(PeerSettings::best, false);
  CHECK(result.acked > 60);
  CHECK(result.missing == 0);
  CHECK(result.link_bytes > result.acked * 500);
}

TEST_CASE("with the best settings a stock bridge delivers after an outage what it had queued") {
  const auto result = run_peer(PeerSettings::best, true);
  CHECK(result.acked > 160);
  CHECK(result.arrived > result.acked * 9 / 10);
}
