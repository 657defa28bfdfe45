// wayside-bridge core's configuration: what the core log is told.
#include <catch2/catch_test_macros.hpp>

#include "bridge/run/config.h"
#include "tests/support/temp_dir.h"

namespace wayside::bridge::run {
namespace {

constexpr const char* kMinimal = R"([core]
name = "core-1"
state_dir = "/var/lib/wayside"
run_dir = "/run/wayside"
[broker]
address = "localhost:8883"
ca = "ca.crt"
certificate = "c.crt"
key = "c.key"
[[edge]]
name = "edge-1"
region = "eu"
[[sink]]
type = "file"
path = "/var/lib/sink"
)";

core::CoreLogOptions options(const std::vector<std::string>& sets) {
  const test::TempDir dir("config");
  config::Problems problems;
  const auto config = config::load(core_table(), {dir.write("core.toml", kMinimal), {}, sets}, problems);
  REQUIRE(config);
  CHECK(check_core(*config).empty());
  return core_log_options(*config);
}

}  // namespace

TEST_CASE("without a key each bound of the core log is the one of the code") {
  const core::CoreLogOptions told = options({});
  const core::CoreLogOptions own;
  CHECK(told.segment_bytes_max == own.segment_bytes_max);
  CHECK(told.lane_bytes_max == own.lane_bytes_max);
  CHECK(told.record_bytes_max == own.record_bytes_max);
  CHECK(told.checkpoint_records == own.checkpoint_records);
  CHECK(told.dedupe.ids_per_vehicle == own.dedupe.ids_per_vehicle);
  CHECK(told.dedupe.vehicles_max == own.dedupe.vehicles_max);
  CHECK(told.dedupe.bytes_max == own.dedupe.bytes_max);
}

TEST_CASE("bounds of the core log are told to it, and a segment is at most an eighth of its lane") {
  const core::CoreLogOptions told = options(
      {"core.log_segment_bytes_max=1048576", "core.log_record_bytes_max=3145728", "core.log_lane_bytes_max=134217728"});
  CHECK(told.segment_bytes_max == 1'048'576);
  CHECK(told.record_bytes_max == 3'145'728);
  CHECK(told.lane_bytes_max == 134'217'728);
  CHECK(options({"core.log_lane_bytes_max=134217728"}).segment_bytes_max == 16'777'216);
}

TEST_CASE("a metrics address of a bridge may be one of IPv6, in brackets") {
  const auto all = parse_listen("[::]:9465");
  REQUIRE(all.ok());
  CHECK(all->host == "::");
  CHECK(all->port == 9465);
  CHECK_FALSE(parse_listen("[::]").ok());
}

}  // namespace wayside::bridge::run
