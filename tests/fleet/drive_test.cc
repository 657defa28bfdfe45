#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <cstdlib>
#include <set>

#include "common/os/system.h"
#include "fleet/drive/cycle_source.h"
#include "fleet/drive/gzip.h"
#include "fleet/drive/obd_source.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::fleet;

namespace {

std::vector<Sample> frames(Source& source, int count) {
  std::vector<Sample> samples;
  for (int i = 0; i < count; ++i) REQUIRE(source.next({1'700'000'000'000 + i * 1000}, samples));
  return samples;
}

bool equal(const std::vector<Sample>& a, const std::vector<Sample>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Sample& x, const Sample& y) {
    return x.path == y.path && x.t == y.t && x.value == y.value;
  });
}

std::string map_file() { return std::string(WAYSIDE_SOURCE_DIR) + "/data/obd-to-vss.toml"; }

}  // namespace

TEST_CASE("the three EPA schedules are built in with their published length and top speed") {
  const auto& cycles = builtin_cycles();
  REQUIRE(cycles.size() == 3);
  CHECK(cycles[0].speed_kmh.size() == 1370);  // UDDS: seconds 0 to 1369
  CHECK(cycles[1].speed_kmh.size() == 766);   // HWFET
  double top = 0;
  for (const double kmh : cycles[0].speed_kmh) top = std::max(top, kmh);
  CHECK(std::abs(top - 56.7 * 1.609344) < 1e-9);  // UDDS: 56.7 mph
}

TEST_CASE("a schedule with a missing second names the line") {
  const auto cycle = parse_cycle("udds", "time_s,speed_mph\n0,0.0\n2,1.0\n");
  REQUIRE_FALSE(cycle.ok());
  CHECK(cycle.error().what.find("udds:3") != std::string::npos);
}

TEST_CASE("a seed is one drive: the same values again, others with another seed") {
  CycleSource one(builtin_cycles()[0], 7);
  CycleSource again(builtin_cycles()[0], 7);
  CycleSource other(builtin_cycles()[0], 8);
  const auto samples = frames(one, 50);
  CHECK(equal(samples, frames(again, 50)));
  CHECK_FALSE(equal(samples, frames(other, 50)));
}

TEST_CASE("a car on a schedule speaks of every signal each second, in all value types, and stays plausible") {
  CycleSource source(builtin_cycles()[2], 3);
  const auto samples = frames(source, 600);
  CHECK(samples.size() == 600 * CycleSource::kSignals);
  std::set<std::size_t> types;
  for (const auto& sample : samples) {
    types.insert(sample.value.index());
    if (sample.path == "Vehicle.Powertrain.CombustionEngine.Speed") {
      const float rpm = std::get<float>(sample.value);
      CHECK((rpm > 700 && rpm < 5500));
    }
    if (const auto* d = std::get_if<double>(&sample.value)) CHECK(std::isfinite(*d));
  }
  CHECK(types.size() == 6);
}

TEST_CASE("an executed unlock shows in what the car says next") {
  CycleSource source(builtin_cycles()[1], 5);
  frames(source, 100);  // on the highway: locked
  source.executed("climate", "on");
  const auto samples = frames(source, 1);
  const auto on = std::find_if(samples.begin(), samples.end(),
                               [](const Sample& s) { return s.path == "Vehicle.Cabin.HVAC.IsAirConditioningActive"; });
  REQUIRE(on != samples.end());
  CHECK(std::get<bool>(on->value));
}

TEST_CASE("a recording is played row by row with the map's types, empty fields left out, and then ends") {
  test::TempDir dir;
  const auto file = dir.path() + "/drive.csv";
  REQUIRE(os::write_file_atomic(file,
                                "ENGINE_RUN_TINE (),ENGINE_RPM (),VEHICLE_SPEED (),INTAKE_MANIFOLD_PRESSURE ()\n"
                                "0.0, 812.25, 0.000000, 33.0,\n2.0, 1500.5, 17.000000, ,\n",
                                0600));
  const auto map = read_obd_map(map_file());
  REQUIRE(map.ok());
  const auto recording = read_recording(file, *map);
  REQUIRE(recording.ok());
  CHECK((*recording)->interval_ms == 2000);
  ObdSource source(*recording, 0);
  std::vector<Sample> first;
  std::vector<Sample> second;
  REQUIRE(source.next({1000}, first));
  REQUIRE(source.next({3000}, second));
  CHECK_FALSE(source.next({5000}, second));
  CHECK(first.size() == 4);
  CHECK(second.size() == 3);
  for (const auto& sample : first) {
    if (sample.path == "Vehicle.Powertrain.CombustionEngine.Speed") CHECK(std::get<float>(sample.value) == 812.25F);
    if (sample.path == "Vehicle.Powertrain.CombustionEngine.MAP") CHECK(std::get<std::uint64_t>(sample.value) == 33);
  }
}

TEST_CASE("a recording with a field that is no number names its line") {
  test::TempDir dir;
  const auto file = dir.path() + "/drive.csv";
  REQUIRE(os::write_file_atomic(file, "ENGINE_RUN_TINE (),VEHICLE_SPEED ()\n0, 1\n1, fast\n", 0600));
  const auto map = read_obd_map(map_file());
  REQUIRE(map.ok());
  const auto recording = read_recording(file, *map);
  REQUIRE_FALSE(recording.ok());
  CHECK(recording.error().what.find(":3") != std::string::npos);
}

TEST_CASE("a signal map with an unknown key is refused with its line and the nearest key") {
  test::TempDir dir;
  const auto file = dir.path() + "/map.toml";
  REQUIRE(os::write_file_atomic(file, "[[signal]]\ncolumn = \"A\"\npath = \"Vehicle.A\"\nscal = 2.0\n", 0600));
  const auto map = read_obd_map(file);
  REQUIRE_FALSE(map.ok());
  CHECK(map.error().what.find("scale") != std::string::npos);
}

TEST_CASE("recorded drives read whole from gzip: every row a frame") {
  const char* data = std::getenv("WAYSIDE_DATA_DIR");
  if (data == nullptr) SKIP("WAYSIDE_DATA_DIR is not set: recorded drives are not part of the repository");
  const auto map = read_obd_map(map_file());
  REQUIRE(map.ok());
  const auto recording = read_recording(std::string(data) + "/drives/drive5.csv.gz", *map);
  REQUIRE(recording.ok());
  CHECK((*recording)->rows.size() == 627);
  CHECK((*recording)->signals.size() == map->size());
}
