// The short form of `./dev soak rotate`.
#include <catch2/catch_test_macros.hpp>

#include "tests/rotate/rotate_run.h"
#include "tests/support/temp_dir.h"

using namespace wayside;

TEST_CASE("secrets that the kubelet swaps under load drop no vehicle, and bad ones leave the older in force") {
  const test::TempDir dir("rotate");
  test::RotateOptions options;
  options.dir = dir / "region";
  options.bin_dir = WAYSIDE_BIN_DIR;
  options.seed = 20251125;
  const test::RotateReport report = test::run_rotations(options);
  INFO(report.fault);
  INFO(test::to_json(report, options));
  for (const auto& sentence : report.sentences) UNSCOPED_INFO(sentence);
  CHECK(report.fault.empty());
  CHECK(report.rotations >= 11);
  CHECK(report.revoked == 2);
  CHECK(report.dropped == 0);
  CHECK(report.bad_files >= 25);
  CHECK(report.alarms == report.bad_files);
  CHECK(report.acked > 100);
  CHECK(report.missing == 0);
  CHECK(report.twice == 0);
  CHECK(report.unclear == 0);
  CHECK(report.residual == 0);
  CHECK(report.ledgers_equal);
}
