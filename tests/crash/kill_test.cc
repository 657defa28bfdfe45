// The short forms of `./dev soak kill` and `./dev soak power`: two deaths of each process, of each host.
#include <catch2/catch_test_macros.hpp>

#include "tests/crash/kill_run.h"
#include "tests/support/temp_dir.h"

using namespace wayside;

namespace {

test::KillReport run(const test::TempDir& dir, test::KillOptions options) {
  options.dir = dir / "region";
  options.bin_dir = WAYSIDE_BIN_DIR;
  const test::KillReport report = test::run_kills(options);
  UNSCOPED_INFO(report.fault);
  UNSCOPED_INFO(test::to_json(report, options));
  for (const auto& sentence : report.sentences) UNSCOPED_INFO(sentence);
  return report;
}

void check_account(const test::KillReport& report) {
  CHECK(report.fault.empty());
  CHECK(report.in_flight_min >= 100);
  CHECK(report.flaps > 0);
  CHECK(report.missing == 0);
  CHECK(report.twice == 0);
  CHECK(report.values_resent == 0);
  CHECK(report.settled_as_resent <= report.resent);
  CHECK(report.unclear == 0);
  CHECK(report.mqtt_ids > 0);
  CHECK(report.mqtt_repeats_without_kill == 0);
  CHECK(report.residual == 0);
  CHECK(report.ledgers_equal);
}

}  // namespace

TEST_CASE("kill -9 of each process loses nothing acknowledged and repeats nothing in the core log") {
  const test::TempDir dir("kill");
  test::KillOptions options;
  options.seed = 20251119;
  const test::KillReport report = run(dir, options);
  check_account(report);
  CHECK(report.kills == 10);
}

TEST_CASE("loss of power of the edge's host, the core's or both loses nothing acknowledged and repeats nothing") {
  const test::TempDir dir("power");
  test::KillOptions options;
  options.power = true;
  options.seed = 20251120;
  const test::KillReport report = run(dir, options);
  check_account(report);
  CHECK(report.power_losses == 8);
  CHECK(report.kills == 16);
  CHECK(report.loss.sectors_lost > 0);
}

TEST_CASE("a spool that does not sync what it acknowledges, or not its directories, is found by the loss of power") {
  for (const char* planted : {"segment_sync", "fsync_dir"}) {
    INFO(planted);
    const test::TempDir dir("planted");
    test::KillOptions options;
    options.power = true;
    options.planted = planted;
    options.seed = 20251121;
    options.step_timeout_ms = 15'000;
    const test::KillReport report = run(dir, options);
    CHECK_FALSE(report.passed());
    CHECK(report.power_losses > 0);
    CHECK((report.missing > 0 || !report.fault.empty()));
  }
}
