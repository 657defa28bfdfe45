// What `wayside size` says is what the programs accept, and its figures are those of the documents.
#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bridge/core/core_record.h"
#include "bridge/run/config.h"
#include "broker/config.h"
#include "broker/custody/custody.h"
#include "broker/custody/volume_check.h"
#include "cli/size/figures.h"
#include "cli/size/plan.h"
#include "common/os/posix_disk.h"
#include "spool/lane.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using cli::SizeInput;
using cli::SizePlan;

namespace {

test::Ran run_wayside(std::vector<std::string> args) {
  args.insert(args.begin(), std::string(WAYSIDE_BIN_DIR) + "/wayside");
  return test::run(args);
}

std::vector<SizeInput> fleets() {
  SizeInput small;
  small.vehicles = 20;
  SizeInput region;
  region.vehicles = 150'000;
  region.messages_per_s = 0.2;
  region.core_away_h = 8;
  region.sink_away_h = 8;
  region.qos2_percent = 10;
  SizeInput large;
  large.vehicles = 800'000;
  large.edges = 40;
  large.bulk_per_h = 6;
  large.compacted_percent = 50;
  large.sink_away_h = 0.5;
  SizeInput still;
  still.vehicles = 1;
  still.messages_per_s = 0;
  still.events_per_h = 0;
  still.commands_per_h = 0;
  still.connects_per_h = 0;
  still.core_away_h = 0;
  return {small, region, large, still};
}

std::string broker_config(const test::TempDir& dir, const SizePlan& plan) {
  std::string text = "[edge]\nname = \"e\"\nregion = \"r\"\nstate_dir = \"" + (dir / "state") + "\"\nrun_dir = \"" +
                     (dir / "run") + "\"\n[commands]\nroot_key_file = \"x\"\ntrust_dir = \"x\"\n";
  const std::string keys = cli::broker_toml(plan);
  const std::string paths = "certificate = \"x\"\nkey = \"x\"\nca = \"x\"\n";
  const auto vehicles = keys.find("[vehicles]\n");
  return vehicles == std::string::npos ? text + keys + "[vehicles]\n" + paths : text + keys + paths;
}

const config::Row& row_of(const config::Table& table, std::string_view key) {
  for (const config::Row& row : table.rows) {
    if (row.key == key) return row;
  }
  FAIL("no key " << key);
  return table.rows.front();
}

}  // namespace

TEST_CASE("size: wayside-broker and wayside-bridge take what it prints, and the volume is large enough for the check") {
  for (const SizeInput& fleet : fleets()) {
    const SizePlan plan = cli::size_plan(fleet);
    INFO(cli::size_text(plan));
    REQUIRE(plan.beyond.empty());
    const test::TempDir dir;
    const auto edge = test::run({std::string(WAYSIDE_BIN_DIR) + "/wayside-broker", "--check-config", "--config",
                                 dir.write("edge.toml", broker_config(dir, plan))});
    INFO(edge.output);
    CHECK(edge.exit_code == 0);
    std::string core = cli::core_toml(plan);
    core.insert(core.find("[core]\n") + 7, "name = \"c\"\nstate_dir = \"s\"\nrun_dir = \"r\"\n");
    core +=
        "[broker]\naddress = \"h:1\"\nca = \"x\"\ncertificate = \"x\"\nkey = \"x\"\n[[edge]]\nname = \"e\"\n"
        "region = \"r\"\n[[sink]]\ntype = \"mqtt\"\n";
    const auto bridge = test::run({std::string(WAYSIDE_BIN_DIR) + "/wayside-bridge", "core", "--check-config",
                                   "--config", dir.write("core.toml", core)});
    INFO(bridge.output);
    CHECK(bridge.exit_code == 0);

    // The broker's own account of such a configuration, against a volume of the size that is told.
    config::Problems problems;
    const auto config = config::load(broker::config_table(), {dir / "edge.toml", {}, {}}, problems);
    REQUIRE(config);
    const broker::CustodyOptions options = broker::custody_options(*config);
    broker::VolumeNeed need;
    for (const std::uint64_t bytes : options.lane_bytes_max) need.lane_bytes_max += bytes;
    CHECK(need.lane_bytes_max == plan.lane_bytes);
    need.ahead_bytes = plan.volume_need - plan.lane_bytes - options.store_bytes_max - options.volume_reserve_bytes;
    need.store_bytes_max = options.store_bytes_max;
    need.reserve_bytes = options.volume_reserve_bytes;
    const auto left = static_cast<std::uint64_t>(static_cast<double>(plan.volume_gib) * 0.93 * (1ULL << 30U));
    CHECK(broker::check_volume(need, {left}, "volume").ok());
    CHECK(need.bytes() <= left);
    CHECK(need.ahead_bytes < (64U << 20U));
  }
}

TEST_CASE("size: a lane holds the outage below its high mark in files that the spool itself writes") {
  SizeInput fleet;
  fleet.vehicles = 2'000;
  fleet.message_bytes = 64;
  fleet.core_away_h = 0.01;  // 72,000 records
  const SizePlan plan = cli::size_plan(fleet);
  const cli::LanePlan& state = plan.lanes[index_of(Lane::state)];
  const test::TempDir dir;
  const auto disk = os::make_posix_disk();
  spool::LaneOptions options;
  options.dir = dir / "state";
  options.segment_bytes_max = 16U << 20U;
  options.lane_bytes_max = state.bytes_max;
  REQUIRE(disk->make_dir(options.dir).ok());
  auto lane = spool::LaneWriter::open(*disk, options, {}, nullptr);
  REQUIRE(lane.ok());
  // As many records to a group as the formula has at least.
  const auto body = static_cast<std::size_t>(state.record_bytes) - 24;
  const double group = std::max(1.0, state.records_per_s * cli::kCommitMs.value / 1'000);
  const auto records = static_cast<std::uint64_t>(state.records_per_s * fleet.core_away_h * 3'600);
  double due = 0;
  for (std::uint64_t i = 0; i < records; ++i) {
    REQUIRE((*lane)->append(Bytes(body), "fw-2026.01.1/cfg", {1}, nullptr) == spool::AppendOutcome::appended);
    if (due += 1 / group; due >= 1) {
      due -= 1;
      REQUIRE((*lane)->commit({1}).ok());
    }
  }
  REQUIRE((*lane)->commit({1}).ok());
  const auto bytes = static_cast<double>((*lane)->bytes());
  CHECK(bytes < 0.9 * static_cast<double>(state.bytes_max));
  // Nor is it much too large: what is added is two segments, and what groups take less than at most.
  CHECK(bytes > 0.4 * static_cast<double>(state.bytes_max - (2 * (16U << 20U))));
}

TEST_CASE("size: a core record is as large as the bridge encodes it") {
  SizeInput fleet;
  fleet.vehicles = 1'000'000;  // so many that groups weigh nothing
  const cli::LanePlan state = cli::size_plan(fleet).lanes[index_of(Lane::state)];
  bridge::core::CoreRecord record;
  bridge::batch::Delivered delivered;
  delivered.vehicle = std::string(17, 'V');
  delivered.topic = "v1/" + delivered.vehicle + "/state";
  delivered.cohort = std::string(16, 'c');
  delivered.catalogue = std::string(32, 'k');
  delivered.payload = Bytes(256);
  record.what = delivered;
  Bytes out;
  bridge::core::encode_core_record(record, out);
  const double one = static_cast<double>(spool::framed_bytes(out.size()));
  CHECK(std::abs(state.core_bytes_per_s / (1'000'000 * one) - 1) < 0.02);
}

TEST_CASE("size: every figure stands in the benchmarks' document, and every default in its table") {
  const std::string bench = test::slurp(std::string(WAYSIDE_SOURCE_DIR) + "/bench/README.md");
  const std::string sizing = test::slurp(std::string(WAYSIDE_SOURCE_DIR) + "/docs/sizing.md");
  for (const cli::Figure& figure : cli::kFigures) {
    INFO(figure.name);
    CHECK(bench.find(figure.quoted) != std::string::npos);
    CHECK(bench.find(figure.command) != std::string::npos);
    CHECK(sizing.find("`" + std::string(figure.name) + "`") != std::string::npos);
    CHECK(sizing.find(figure.date) != std::string::npos);
  }
  for (const std::string_view unknown : cli::kNotMeasured) CHECK(sizing.find(unknown) != std::string::npos);
  const auto& broker = broker::config_table();
  const auto& core = bridge::run::core_table();
  CHECK(row_of(broker, "custody.segment_bytes_max").fallback == "16777216");
  CHECK(row_of(broker, "custody.mark_high_percent").fallback == "90");
  CHECK(row_of(broker, "custody.volume_reserve_bytes").fallback == "67108864");
  CHECK(row_of(broker, "commands.open_bytes_max").fallback == "67108864");
  CHECK(row_of(broker, "commands.closed_bytes_max").fallback == "268435456");
  CHECK(row_of(broker, "vehicles.connections_max").fallback == "100000");
  CHECK(row_of(broker, "vehicles.sessions_max").fallback == "200000");
  CHECK(row_of(broker, "vehicles.io_threads").fallback == "2");
  CHECK(row_of(core, "core.log_lane_bytes_max").fallback == "4294967296");
  CHECK(row_of(core, "core.log_segment_bytes_max").fallback == "67108864");
  CHECK(row_of(core, "core.vehicles_max").fallback == "1000000");
  CHECK(row_of(core, "dedupe.vehicles_max").fallback == "100000");
  CHECK(row_of(core, "dedupe.ids_per_vehicle").fallback == "128");
}

TEST_CASE("size: more of anything never needs less, and what is beyond an edge is said with exit 1") {
  SizeInput fleet;
  fleet.vehicles = 10'000;
  const SizePlan before = cli::size_plan(fleet);
  for (double SizeInput::* more :
       {&SizeInput::vehicles, &SizeInput::messages_per_s, &SizeInput::message_bytes, &SizeInput::events_per_h,
        &SizeInput::core_away_h, &SizeInput::cohorts, &SizeInput::connects_per_h}) {
    SizeInput larger = fleet;
    larger.*more *= 3;
    const SizePlan after = cli::size_plan(larger);
    CHECK(after.volume_gib >= before.volume_gib);
    CHECK(after.edge_cores >= before.edge_cores);
  }
  const auto beyond = run_wayside({"size", "--vehicles", "3000000", "--core-away-h", "72"});
  CHECK(beyond.exit_code == 1);
  CHECK(beyond.output.find("BEYOND   the state lane needs more than 1 TiB") != std::string::npos);
  CHECK(beyond.output.find("[custody]") == std::string::npos);
}

TEST_CASE("size: text for people, JSON for programs, 2 for what is no load") {
  const auto text = run_wayside({"size", "--vehicles", "1000"});
  CHECK(text.exit_code == 0);
  for (const char* word :
       {"lane_state_bytes_max = ", "persistence:", "./dev bench first, 2026-11-24", "not measured"}) {
    INFO(word);
    CHECK(text.output.find(word) != std::string::npos);
  }
  const auto json = run_wayside({"size", "--vehicles", "1000", "--json"});
  const auto parsed = nlohmann::json::parse(json.output);
  CHECK(parsed["fits"] == true);
  CHECK(parsed["lanes"].size() == kLanes);
  CHECK(parsed["broker_config"]["custody.lane_state_bytes_max"] == parsed["lanes"][3]["bytes_max"]);
  CHECK(run_wayside({"size"}).exit_code == 2);
  CHECK(run_wayside({"size", "--vehicles", "nan"}).exit_code == 2);
  CHECK(run_wayside({"size", "--vehicles", "5", "--qos2-percent", "101"}).exit_code == 2);
  CHECK(run_wayside({"size", "--vehicle", "5"}).output.find("Did you mean --vehicles?") != std::string::npos);
}
