// The short form of `./dev soak kill`: two kills of each process.
#include <catch2/catch_test_macros.hpp>

#include "tests/crash/kill_run.h"
#include "tests/support/temp_dir.h"

using namespace wayside;

TEST_CASE("kill -9 of each process loses nothing acknowledged and repeats nothing in the core log") {
  const test::TempDir dir("kill");
  test::KillOptions options;
  options.dir = dir / "region";
  options.bin_dir = WAYSIDE_BIN_DIR;
  options.cycles = 2;
  options.seed = 20251119;
  auto report = test::run_kills(options);
  INFO((report ? std::string() : report.error().what));
  REQUIRE(report.ok());
  INFO(test::to_json(*report, options));
  for (const auto& sentence : report->sentences) UNSCOPED_INFO(sentence);
  CHECK(report->kills == 10);
  CHECK(report->in_flight_least >= 100);
  CHECK(report->missing == 0);
  CHECK(report->twice == 0);
  CHECK(report->values_resent == 0);
  CHECK(report->settled_as_resent <= report->resent);
  CHECK(report->unclear == 0);
  CHECK(report->mqtt_ids > 0);
  CHECK(report->mqtt_repeats_without_kill == 0);
  CHECK(report->residual == 0);
  CHECK(report->ledgers_equal);
}
