// Recorded drives from end to end: gate, spool, link, core log, file sink; every value compared at the far end.
#include <cstdlib>

#include "fleet/verify.h"
#include "tests/fleet/region_fixture.h"

using namespace wayside;
using namespace wayside::fleet;

TEST_CASE("recorded drives arrive bit-exact: every value of every row, once") {
  const char* data = std::getenv("WAYSIDE_DATA_DIR");
  if (data == nullptr) SKIP("WAYSIDE_DATA_DIR is not set: recorded drives are not part of the repository");
  test::RunningRegion running(4, [&](CarsOptions& cars) {
    for (const char* drive : {"drive5", "ufpe3", "idle1", "live12"}) {
      cars.replay_files.push_back(std::string(data) + "/drives/" + drive + ".csv.gz");
    }
    cars.replay_map = std::string(WAYSIDE_SOURCE_DIR) + "/data/obd-to-vss.toml";
    cars.replay_whole = true;
    cars.car.interval_ms = 0;
  });
  running.drain();
  const auto report = verify(running.region->paths().journals(), running.region->paths().sink());
  REQUIRE(report.ok());
  for (const auto& example : report->examples) UNSCOPED_INFO(example);
  CHECK(report->ok());
  const std::uint64_t rows = 627 + 808 + 1212 + 1152;
  CHECK(running.cars->stats().total.frames == rows);
  CHECK(report->values > rows * 26);
  CHECK(report->arrived == report->messages);
}
