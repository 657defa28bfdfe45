// The screen of `wayside top`, from what two looks at an edge told.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "cli/top/top.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::cli {
namespace {

constexpr const char* kStatus =
    R"({"ok":true,"edge":"edge-1","region":"eu","version":"0.2.0","uptime_ms":600000,"vehicles_online":20,)"
    R"("custody_writable":true,"draining":false,"local_broker":{"mode":"off","up":false,"pid":0}})";

Probe look(WallMs at, const std::string& broker, const std::string& bridge) {
  return {kStatus, Samples::parse(broker), Samples::parse(bridge), "", at, {at.value}, {at.value}};
}

// Two looks, two seconds apart, between which the wall clock steps.
TopFacts facts(std::int64_t step_ms = 0) {
  const Probe before =
      look({10'000},
           R"(wayside_door_records_total{lane="state",outcome="offered",reason=""} 1000
wayside_door_records_total{lane="state",outcome="refused",reason="SPOOL_FULL"} 10
wayside_ledger_records_total{lane="state",outcome="received"} 900
wayside_ledger_records_total{lane="state",outcome="delivered"} 500
wayside_gate_publishes_in_total 1000
wayside_gate_refusals_total{stage="connect",reason="REVOKED"} 3
wayside_gate_refusals_total{stage="publish",reason="BUDGET"} 0
wayside_commands_total{state="SUCCEEDED",reason=""} 5
)",
           "wayside_link_batches_total{lane=\"state\",kind=\"first\"} 10\nwayside_link_up{core=\"c\"} 1\n");
  Probe after = look({12'000},
                     R"(wayside_door_records_total{lane="state",outcome="offered",reason=""} 3000
wayside_door_records_total{lane="state",outcome="refused",reason="SPOOL_FULL"} 14
wayside_ledger_records_total{lane="state",outcome="received"} 2800
wayside_ledger_records_total{lane="state",outcome="delivered"} 1500
wayside_ledger_records_total{lane="state",outcome="expired"} 20
wayside_lane_pending_records{lane="state"} 1280
wayside_lane_oldest_seconds{lane="state"} 2467
wayside_lane_full_in_seconds{lane="state"} 22200
wayside_gate_publishes_in_total 3000
wayside_gate_refusals_total{stage="connect",reason="REVOKED"} 5
wayside_gate_refusals_total{stage="connect",reason="BLOCKED"} 2
wayside_gate_refusals_total{stage="publish",reason="BUDGET"} 400
wayside_commands_total{state="SUCCEEDED",reason=""} 9
wayside_commands_open 3
)",
                     R"(wayside_link_batches_total{lane="state",kind="first"} 30
wayside_link_batches_total{lane="state",kind="resent"} 2
wayside_link_bytes_total{channel="bulk",direction="up"} 4096
wayside_link_up{core="c"} 1
wayside_link_last_ack_timestamp_seconds{core="c"} 11
)");
  after.at.value += step_ms;
  auto out = top_of(before, after);
  REQUIRE(out.ok());
  return *out;
}

std::string joined(const std::vector<TopLine>& lines) {
  std::string text;
  for (const TopLine& line : lines) text += line.text + "\n";
  return text;
}

}  // namespace

TEST_CASE("top: rates are of the window, lane by lane, at the door, durable and settled") {
  const TopFacts top = facts();
  const LaneRates& state = top.lanes[index_of(Lane::state)];
  CHECK(state.offered_per_s == 1'000);
  CHECK(state.synced_per_s == 950);
  CHECK(state.settled_per_s == 510);
  CHECK(state.turned_away_per_s.at("SPOOL_FULL") == 2);
  CHECK(top.publishes_per_s == 1'000);
  CHECK(top.refused_per_s == std::map<std::string, double>{{"BLOCKED", 1}, {"BUDGET", 200}, {"REVOKED", 1}});
  CHECK(top.batches_per_s == 10);
  CHECK(top.resent_per_s == 1);
  CHECK(top.link_up_bytes_per_s == 2'048);
  CHECK(top.commands_per_s.at("SUCCEEDED") == 2);
}

TEST_CASE("top: the screen names the most frequent reasons, fits its terminal and alarms in colour") {
  const TopFacts top = facts();
  const auto lines = top_lines(top, 200, 2);
  const std::string text = joined(lines);
  INFO(text);
  CHECK(text.find("REFUSED  202/s = BUDGET 200/s, BLOCKED 1/s, 1 more") != std::string::npos);
  CHECK(
      text.find("state         1,000        950        510      1,280     41:07  6 h 10 m  turned away: SPOOL_FULL") !=
      std::string::npos);
  CHECK(text.find("LINK     UP  batches 10/s  again 1/s  up 2.0 KiB/s") != std::string::npos);
  CHECK(text.find("last acknowledgement 1.0 s ago") != std::string::npos);
  for (const std::size_t width : {20U, 80U}) {
    for (const TopLine& line : top_lines(top, width, 4)) CHECK(line.text.size() <= width);
  }
  const std::string drawn = redrawn(lines, 100, true);
  CHECK(drawn.find("\x1b[2J") == std::string::npos);  // nothing is cleared first: that would flicker
  CHECK(drawn.find("\x1b[31mstate") != std::string::npos);
  CHECK(redrawn(lines, 100, false).find("\x1b[31m") == std::string::npos);
  const std::string cut = redrawn(lines, 3, false);
  CHECK(std::count(cut.begin(), cut.end(), '\n') == 2);
}

TEST_CASE("top: a step of the wall clock between two looks changes no rate") {
  const TopFacts steady = facts(0);
  for (const std::int64_t step_ms : {-3'600'000, -1'000, 86'400'000}) {
    INFO("the wall clock steps by " << step_ms << " ms");
    const TopFacts stepped = facts(step_ms);
    CHECK(stepped.publishes_per_s == steady.publishes_per_s);
    CHECK(stepped.batches_per_s == steady.batches_per_s);
    CHECK(stepped.edge.window_s == 2);
  }
}

TEST_CASE("top: a bridge that is gone is said, and has no rates") {
  const TopFacts with = facts();
  Probe before = look({1'000}, "", "");
  Probe after = look({2'000}, "", "");
  after.bridge.reset();
  after.bridge_why = "gone";
  const auto top = top_of(before, after);
  REQUIRE(top.ok());
  CHECK(joined(top_lines(*top, 200, 2)).find("LINK     bridge edge does not answer: gone") != std::string::npos);
  const auto json = nlohmann::json::parse(top_json(*top));
  CHECK(json["link"]["answers"] == false);
  CHECK(nlohmann::json::parse(top_json(with))["link"]["batches_per_s"] == 10);
  CHECK(json["lanes"].size() == kLanes);
  CHECK(json["lanes"][0]["full_in_s"].is_null());
}

TEST_CASE("top: where no edge is it exits 3, and wrong use is 2") {
  const test::TempDir dir;
  const std::string program = std::string(WAYSIDE_BIN_DIR) + "/wayside";
  for (const char* command : {"top", "status"}) {
    const auto nobody = test::run({program, command, dir.path()});
    CHECK(nobody.exit_code == 3);
    CHECK(nobody.output.find("the broker does not answer") != std::string::npos);
    CHECK(nobody.output.find("Runbook WS-UP-01") != std::string::npos);
  }
  CHECK(test::run({program, "top"}).exit_code == 2);
  const auto near = test::run({program, "top", dir.path(), "--interval", "5"});
  CHECK(near.exit_code == 2);
  CHECK(near.output.find("--interval-ms") != std::string::npos);
}

}  // namespace wayside::cli
