#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/status/screen.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::ordered_json;

// JSON knows no infinity.
Json seconds(double value) { return std::isinf(value) ? Json() : Json(value); }
Json optional(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

Json lane_json(const LaneFacts& lane) {
  return {{"lane", to_string(lane.lane)}, {"in_per_s", lane.in_per_s},      {"out_per_s", lane.out_per_s},
          {"waiting", lane.waiting},      {"oldest_s", lane.oldest_s},      {"full_in_s", seconds(lane.full_in_s)},
          {"bytes", lane.bytes},          {"bytes_max", lane.bytes_max},    {"mark", lane.mark},
          {"forked", lane.forked},        {"turned_away", lane.turned_away}};
}

Json link_json(const EdgeFacts& facts) {
  if (!facts.link) return {{"answers", false}, {"why", facts.bridge_why}};
  const LinkFacts& link = *facts.link;
  return {{"answers", true},         {"core", link.core},
          {"up", link.up},           {"last_ack_s", link.last_ack_s < 0 ? Json() : Json(link.last_ack_s)},
          {"backlog", link.backlog}, {"resent_batches", link.resent},
          {"alarms", link.alarms},   {"alarms_now", link.alarms_now},
          {"failing", link.failing}, {"sessions", link.sessions}};
}

Json command_json(const CommandFacts& commands) {
  return {{"states", commands.states},         {"open", commands.open},
          {"outbox", commands.outbox},         {"p50_s", optional(commands.p50_s)},
          {"p99_s", optional(commands.p99_s)}, {"alarms", commands.alarms}};
}

Json ledger_json(const LedgerFacts& ledger) {
  return {{"received", ledger.received}, {"delivered", ledger.delivered}, {"compacted", ledger.compacted},
          {"expired", ledger.expired},   {"lost", ledger.lost},           {"residual", ledger.residual}};
}

Json findings_json(const Verdict& verdict) {
  Json out = Json::array();
  for (const Finding& one : verdict.now) {
    out.push_back({{"what", one.what}, {"act", one.act}, {"runbook", one.runbook}});
  }
  return out;
}

Json next_json(const Verdict& verdict) {
  if (!verdict.next) return {};
  const Limit& next = *verdict.next;
  return {{"what", next.what}, {"in_s", next.in_s}, {"act", next.act}, {"runbook", next.runbook}};
}

}  // namespace

std::string status_json(const EdgeFacts& facts, const Verdict& verdict) {
  Json lanes = Json::array();
  for (const LaneFacts& lane : facts.lanes) lanes.push_back(lane_json(lane));
  const Json json = {
      {"verdict", verdict.healthy() ? "healthy" : "degraded"},
      {"findings", findings_json(verdict)},
      {"next", next_json(verdict)},
      {"edge", facts.edge},
      {"region", facts.region},
      {"version", facts.version},
      {"at_ms", facts.at.value},
      {"window_s", facts.window_s},
      {"uptime_s", facts.uptime_s},
      {"vehicles_online", facts.vehicles},
      {"connects_per_s", facts.connects_per_s},
      {"resumed_percent", optional(facts.resumed_percent)},
      {"custody_writable", facts.writable},
      {"draining", facts.draining},
      {"local_broker",
       {{"mode", facts.local_broker}, {"up", facts.local_broker_up}, {"restarts", facts.local_broker_restarts}}},
      {"refused", facts.refused},
      {"refused_per_s", facts.refused_per_s},
      {"expires_in_s", facts.expires_in_s},
      {"crl_age_s", facts.crl_age_s},
      {"reload_failing", facts.reload_failing},
      {"lanes", std::move(lanes)},
      {"link", link_json(facts)},
      {"commands", command_json(facts.commands)},
      {"ledger", ledger_json(facts.ledger)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wayside::cli
