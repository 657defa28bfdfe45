#include <catch2/catch_test_macros.hpp>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/status/screen.h"
#include "cli/status/words.h"

namespace wayside::cli {
namespace {

constexpr const char* kStatus =
    R"({"ok":true,"edge":"edge-1","region":"eu","version":"0.2.0","uptime_ms":600000,"vehicles_online":20,)"
    R"("custody_writable":true,"draining":false,"local_broker":{"mode":"managed","up":true,"pid":7}})";

const std::string kBroker = R"(# HELP wayside_ledger_records_total Records
# TYPE wayside_ledger_records_total counter
wayside_ledger_records_total{lane="state",outcome="received"} 1000
wayside_ledger_records_total{lane="state",outcome="delivered"} 400
wayside_lane_pending_records{lane="state"} 600
wayside_lane_oldest_seconds{lane="state"} 2467
wayside_lane_bytes{lane="state"} 1048576
wayside_lane_bytes_max{lane="state"} 4194304
wayside_lane_full_in_seconds{lane="state"} 22200
wayside_lane_full_in_seconds{lane="event"} +Inf
wayside_ledger_residual_records{lane="state"} 0
wayside_door_records_total{lane="state",outcome="refused",reason="SPOOL_FULL"} 5
wayside_gate_refusals_total{stage="connect",reason="REVOKED"} 3
wayside_gate_handshakes_total{kind="full"} 1
wayside_gate_handshakes_total{kind="resumed"} 3
wayside_certificate_expiry_timestamp_seconds{use="vehicles"} 1005184000
wayside_command_seconds_bucket{stage="closed",le="0.5"} 50
wayside_command_seconds_bucket{stage="closed",le="1"} 100
wayside_command_seconds_bucket{stage="closed",le="+Inf"} 100
)";
const std::string kBridge = R"(wayside_link_up{core="10.0.0.1:8883"} 1
wayside_link_last_ack_timestamp_seconds{core="10.0.0.1:8883"} 999999999.5
wayside_link_backlog_records{lane="state"} 600
wayside_link_forked{lane="state"} 0
)";

Probe probe(const std::string& broker = kBroker, const std::string& bridge = kBridge, WallMs at = {1'000'000'000'000}) {
  return {kStatus, Samples::parse(broker), Samples::parse(bridge), "", at, {at.value}, {at.value}};
}

EdgeFacts facts(const Probe& after) {
  Probe before = probe();
  before.at = {after.at.value - 1'000};
  before.broker_at = {after.broker_at.value - 1'000};
  before.bridge_at = {after.bridge_at.value - 1'000};
  auto out = facts_of(before, after);
  REQUIRE(out.ok());
  return *out;
}

std::string swapped(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("status: an edge that is well says so, and which limit comes next") {
  const EdgeFacts edge = facts(probe());
  const Verdict verdict = judge(edge);
  CHECK(verdict.healthy());
  REQUIRE(verdict.next);
  CHECK(verdict.next->what == "state lane full");
  const std::string text = status_text(edge, verdict, false);
  CHECK(text.find("HEALTHY") != std::string::npos);
  CHECK(text.find("NEXT     state lane full in 6 h 10 m.") != std::string::npos);
  CHECK(text.find("EXPIRY   vehicles 60 d") != std::string::npos);
  CHECK(text.find("resumed 75 %") != std::string::npos);
  CHECK(text.find("residual 0") != std::string::npos);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(status_text(edge, verdict, true).find('\x1b') != std::string::npos);
  CHECK(edge.commands.p50_s == 0.5);
}

TEST_CASE("status: rates are of the window, and a process that was started anew has none below 0") {
  const std::string later = swapped(kBroker, "outcome=\"received\"} 1000", "outcome=\"received\"} 1250");
  CHECK(facts(probe(later)).lanes[index_of(Lane::state)].in_per_s == 250);
  const std::string anew = swapped(kBroker, "outcome=\"received\"} 1000", "outcome=\"received\"} 4");
  CHECK(facts(probe(anew)).lanes[index_of(Lane::state)].in_per_s == 0);
}

TEST_CASE("status: what is wrong is said with what to do, the worst first") {
  struct Wrong {
    const char* what;
    const char* runbook;
    void (*make)(EdgeFacts& facts);
  };
  const Wrong wrongs[] = {
      {"custody cannot write", "WS-SPOOL-07", [](EdgeFacts& edge) { edge.writable = false; }},
      {"does not add up", "WS-LEDGER-01", [](EdgeFacts& edge) { edge.ledger.residual = 1; }},
      {"gone or in doubt", "WS-SPOOL-03", [](EdgeFacts& edge) { edge.recovery_lost = 7; }},
      {"full, refusing records: bulk", "WS-SPOOL-04",
       [](EdgeFacts& edge) { edge.lanes[index_of(Lane::bulk)].turned_away["SPOOL_FULL"] = 1; }},
      {"went back in time, waiting for its spool to move: ack", "WS-LINK-02",
       [](EdgeFacts& edge) { edge.lanes[index_of(Lane::ack)].forked = true; }},
      {"above the high mark: state", "WS-SPOOL-01",
       [](EdgeFacts& edge) { edge.lanes[index_of(Lane::state)].mark = 2; }},
      {"volume has too little room", "WS-SPOOL-02", [](EdgeFacts& edge) { edge.volume_mark = 2; }},
      {"bridge edge does not answer (gone)", "WS-UP-01",
       [](EdgeFacts& edge) {
         edge.link.reset();
         edge.bridge_why = "gone";
       }},
      {"unreachable", "WS-LINK-01", [](EdgeFacts& edge) { edge.link->up = false; }},
      {"connected and silent", "WS-LINK-03", [](EdgeFacts& edge) { edge.link->last_ack_s = 17; }},
      {"cannot read its spool or write what is settled", "WS-LINK-04",
       [](EdgeFacts& edge) { edge.link->alarms_now["SPOOL_FAULT"] = 3; }},
      {"certificate link expired", "WS-CERT-01", [](EdgeFacts& edge) { edge.expires_in_s["link"] = -5; }},
      {"older ones are in force: vehicles", "WS-GATE-01", [](EdgeFacts& edge) { edge.reload_failing = {"vehicles"}; }},
      {"older ones are in force: link", "WS-LINK-06", [](EdgeFacts& edge) { edge.reload_failing = {"link"}; }},
      {"older ones are in force: command_lists", "WS-COMMAND-04",
       [](EdgeFacts& edge) { edge.reload_failing = {"command_lists"}; }},
      {"local broker is down", "WS-LOCAL-01", [](EdgeFacts& edge) { edge.local_broker_up = false; }},
      {"wait for the ack lane", "WS-COMMAND-03", [](EdgeFacts& edge) { edge.commands.outbox = 20'000; }},
      {"draining", "", [](EdgeFacts& edge) { edge.draining = true; }},
  };
  EdgeFacts all = facts(probe());
  for (const Wrong& wrong : wrongs) {
    INFO(wrong.what);
    EdgeFacts edge = facts(probe());
    wrong.make(edge);
    const Verdict verdict = judge(edge);
    REQUIRE(verdict.now.size() == 1);
    CHECK(verdict.now[0].what.find(wrong.what) != std::string::npos);
    CHECK(verdict.now[0].runbook == wrong.runbook);
    CHECK(status_text(edge, verdict, false).find("DEGRADED " + verdict.now[0].what) != std::string::npos);
    if (edge.link) wrong.make(all);
  }
  const Verdict verdict = judge(all);
  CHECK(verdict.now.front().runbook == "WS-SPOOL-07");
  CHECK(verdict.now.size() >= 13);
}

TEST_CASE("status: a core that answered nothing for a while is silent only while something has waited as long") {
  EdgeFacts edge = facts(probe());
  edge.link->last_ack_s = 3'600;
  LaneFacts& state = edge.lanes[index_of(Lane::state)];
  state.oldest_s = 0.3;  // an edge that was idle, and the first record after it
  CHECK(judge(edge).healthy());
  state.oldest_s = 17;
  CHECK_FALSE(judge(edge).healthy());
  edge.link->last_ack_s = 0.2;  // a backlog that drains
  state.oldest_s = 7'200;
  CHECK(judge(edge).healthy());
  edge.link->last_ack_s = -1;
  CHECK_FALSE(judge(edge).healthy());
}

TEST_CASE("status: a core that is unreachable is so for a cause, said in words with what to look at") {
  const std::string down =
      swapped(kBridge, "wayside_link_up{core=\"10.0.0.1:8883\"} 1", "wayside_link_up{core=\"10.0.0.1:8883\"} 0");
  const std::pair<const char*, const char*> causes[] = {{"name", "does not resolve"},
                                                        {"connect", "connection refused or no route"},
                                                        {"tls", "breaks off in the TLS handshake"},
                                                        {"timeout", "no answer"},
                                                        {"refused", "refuses this edge"},
                                                        {"other", "unreachable, "}};
  for (const auto& [cause, words] : causes) {
    INFO(cause);
    const std::string failing = std::string("wayside_link_failing{cause=\"") + cause + "\"} 1\n";
    const EdgeFacts edge = facts(probe(kBroker, down + failing + "wayside_link_failing{cause=\"none\"} 0\n"));
    const Verdict verdict = judge(edge);
    REQUIRE(verdict.now.size() == 1);
    CHECK(verdict.now[0].what.find(words) != std::string::npos);
    CHECK(verdict.now[0].runbook == "WS-LINK-01");
    CHECK_FALSE(verdict.now[0].act.empty());
    CHECK(nlohmann::json::parse(status_json(edge, verdict))["link"]["failing"] == nlohmann::json::array({cause}));
  }
}

TEST_CASE("status: a core that is unreachable because the certificate of the link expired is said so first") {
  EdgeFacts edge = facts(probe());
  edge.link->up = false;
  edge.link->failing = {"tls"};
  edge.expires_in_s["link"] = -7'200;
  const std::string first = judge(edge).now.front().what;
  INFO(first);
  CHECK(first.find("unreachable: the certificate of the link expired 2 h 0 m ago") != std::string::npos);
  edge.link->failing = {"connect"};  // it did not come so far: that is not the reason
  CHECK(judge(edge).now.front().what.find("connection refused") != std::string::npos);
}

TEST_CASE("status: a lane that fills because the core is away is said behind the core, one that refuses before it") {
  EdgeFacts edge = facts(probe());
  edge.link->up = false;
  LaneFacts& bulk = edge.lanes[index_of(Lane::bulk)];
  bulk.mark = 2;
  Verdict verdict = judge(edge);
  REQUIRE(verdict.now.size() == 2);
  CHECK(verdict.now[0].runbook == "WS-LINK-01");
  CHECK(verdict.now[1].runbook == "WS-SPOOL-01");
  bulk.turned_away["SPOOL_FULL"] = 1;
  verdict = judge(edge);
  REQUIRE(verdict.now.size() == 3);
  CHECK(verdict.now[0].runbook == "WS-SPOOL-04");
  CHECK(verdict.now[1].runbook == "WS-LINK-01");
}

TEST_CASE("status: a link and a local broker that come and go are seen by how often they did, also while they are up") {
  const EdgeFacts calm = facts(probe(kBroker + "wayside_local_broker_restarts_total 0\n",
                                     kBridge + "wayside_link_sessions_total{core=\"10.0.0.1:8883\"} 1\n"));
  const std::string quiet = status_text(calm, judge(calm), false);
  CHECK(quiet.find("sessions since start") == std::string::npos);
  CHECK(quiet.find("started again") == std::string::npos);
  const EdgeFacts edge = facts(probe(kBroker + "wayside_local_broker_restarts_total 6\n",
                                     kBridge + "wayside_link_sessions_total{core=\"10.0.0.1:8883\"} 14\n"));
  const std::string text = status_text(edge, judge(edge), false);
  CHECK(text.find("sessions since start: 14") != std::string::npos);
  CHECK(text.find("local broker managed, up, started again 6 times since start") != std::string::npos);
  const auto json = nlohmann::json::parse(status_json(edge, judge(edge)));
  CHECK(json["link"]["sessions"] == 14);
  CHECK(json["local_broker"]["restarts"] == 6);
}

TEST_CASE("status: files of several kinds that are bad are said apart, each with its page") {
  EdgeFacts edge = facts(probe());
  edge.reload_failing = {"vehicles", "services", "link"};
  const Verdict verdict = judge(edge);
  REQUIRE(verdict.now.size() == 2);
  CHECK(verdict.now[0].what.find("vehicles, services") != std::string::npos);
  CHECK(verdict.now[0].runbook == "WS-GATE-01");
  CHECK(verdict.now[1].runbook == "WS-LINK-06");
}

TEST_CASE("status: an alarm of the link makes an edge unwell while it comes, not for ever after") {
  const std::string alarmed = kBridge + "wayside_link_alarms_total{reason=\"SPOOL_FAULT\"} 99\n";
  Probe before = probe(kBroker, alarmed);
  before.broker_at = before.bridge_at = {before.at.value - 1'000};
  const auto stood = facts_of(before, probe(kBroker, alarmed));
  REQUIRE(stood.ok());
  CHECK(judge(*stood).healthy());
  const auto grown = facts_of(before, probe(kBroker, swapped(alarmed, "SPOOL_FAULT\"} 99", "SPOOL_FAULT\"} 101")));
  REQUIRE(grown.ok());
  REQUIRE_FALSE(judge(*grown).healthy());
  CHECK(judge(*grown).now.front().runbook == "WS-LINK-04");
  CHECK(nlohmann::json::parse(status_json(*grown, judge(*grown)))["link"]["alarms_now"]["SPOOL_FAULT"] == 2);
}

TEST_CASE("status: records refused long ago do not make an edge unwell") {
  CHECK(judge(facts(probe())).healthy());
  const std::string now = swapped(kBroker, "reason=\"SPOOL_FULL\"} 5", "reason=\"SPOOL_FULL\"} 6");
  CHECK_FALSE(judge(facts(probe(now))).healthy());
}

TEST_CASE("status: JSON holds the verdict, the findings and the next limit") {
  EdgeFacts edge = facts(probe());
  edge.link->up = false;
  const auto json = nlohmann::json::parse(status_json(edge, judge(edge)));
  CHECK(json["verdict"] == "degraded");
  CHECK(json["findings"][0]["runbook"] == "WS-LINK-01");
  CHECK(json["next"]["what"] == "state lane full");
  CHECK(json["lanes"].size() == kLanes);
  CHECK(json["lanes"][index_of(Lane::event)]["full_in_s"].is_null());
  CHECK(json["vehicles_online"] == 20);
}

TEST_CASE("status: an answer that is no status is refused") {
  Probe broken = probe();
  for (const char* text : {"", "{}", R"({"ok":true})", "nonsense", R"({"ok":true,"local_broker":{},"edge":1})"}) {
    broken.status = text;
    CHECK_FALSE(facts_of(probe(), broken).ok());
  }
}

TEST_CASE("figures are written as an operator reads them") {
  CHECK(duration_text(0.31) == "0.3 s");
  CHECK(duration_text(42) == "42 s");
  CHECK(duration_text(2467) == "41:07");
  CHECK(duration_text(22'200) == "6 h 10 m");
  CHECK(duration_text(61 * 86'400.0) == "61 d");
  CHECK(duration_text(INFINITY) == "never");
  CHECK(count_text(212) == "212");
  CHECK(count_text(24'100) == "24,100");
  CHECK(count_text(2.2e6) == "2.2 M");
  CHECK(count_text(151e6) == "151 M");
  CHECK(bytes_text(4.5 * 1024) == "4.5 KiB");
}

}  // namespace
}  // namespace wayside::cli
