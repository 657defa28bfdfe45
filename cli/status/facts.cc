#include "cli/status/facts.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "cli/status/change.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::json;

// Linear within the bucket that holds it, as Prometheus' histogram_quantile; nullopt: nothing was observed.
std::optional<double> quantile(const Samples& samples, const std::string& name, const SampleLabels& with, double q) {
  std::map<double, double> buckets;  // upper bound, cumulative
  for (const auto& [bound, count] : samples.by(name + "_bucket", "le", with)) {
    buckets[bound == "+Inf" ? std::numeric_limits<double>::infinity() : std::strtod(bound.c_str(), nullptr)] += count;
  }
  if (buckets.empty() || buckets.rbegin()->second <= 0) return std::nullopt;
  const double wanted = q * buckets.rbegin()->second;
  double low = 0;
  double below = 0;
  for (const auto& [bound, count] : buckets) {
    if (count >= wanted) {
      if (std::isinf(bound)) return low;
      return count > below ? low + (bound - low) * (wanted - below) / (count - below) : bound;
    }
    low = bound;
    below = count;
  }
  return low;
}

LaneFacts lane_of(Lane lane, const Probe& after, const Change& change) {
  const SampleLabels with = {{"lane", to_string(lane)}};
  const auto of = [&](const char* name) { return after.broker.sum(name, with); };
  const auto outcome = [&](const char* value) { return SampleLabels{{"lane", to_string(lane)}, {"outcome", value}}; };
  LaneFacts facts;
  facts.lane = lane;
  facts.in_per_s = change.rate("wayside_ledger_records_total", outcome("received"));
  for (const char* value : {"delivered", "compacted", "expired", "lost"}) {
    facts.out_per_s += change.rate("wayside_ledger_records_total", outcome(value));
  }
  facts.waiting = of("wayside_lane_pending_records");
  facts.oldest_s = of("wayside_lane_oldest_seconds");
  facts.bytes = of("wayside_lane_bytes");
  facts.bytes_max = of("wayside_lane_bytes_max");
  facts.full_in_s = after.broker.one("wayside_lane_full_in_seconds", with).value_or(INFINITY);
  facts.mark = static_cast<int>(after.broker.sum("wayside_custody_mark", {{"what", to_string(lane)}}));
  facts.turned_away = change.grown_by("wayside_door_records_total", "reason", outcome("refused"));
  for (const auto& [reason, count] : change.grown_by("wayside_door_records_total", "reason", outcome("shed"))) {
    facts.turned_away[reason] += count;
  }
  if (after.bridge) facts.forked = after.bridge->sum("wayside_link_forked", with) > 0;
  return facts;
}

LedgerFacts ledger_of(const Samples& broker) {
  const auto outcome = [&](const char* value) {
    return broker.sum("wayside_ledger_records_total", {{"outcome", value}});
  };
  LedgerFacts facts{outcome("received"), outcome("delivered"), outcome("compacted"),
                    outcome("expired"),  outcome("lost"),      0};
  for (const Sample& lane : broker.of("wayside_ledger_residual_records")) facts.residual += std::abs(lane.value);
  return facts;
}

LinkFacts link_of(const Samples& bridge, WallMs at) {
  LinkFacts facts;
  for (const Sample& sample : bridge.of("wayside_link_up")) {
    facts.up = sample.value > 0;
    const auto core = sample.labels.find("core");
    if (core != sample.labels.end()) facts.core = core->second;
  }
  for (const auto& [cause, failing] : bridge.by("wayside_link_failing", "cause")) {
    if (failing > 0) facts.failing.push_back(cause);
  }
  const double ack = bridge.sum("wayside_link_last_ack_timestamp_seconds");
  facts.last_ack_s = ack > 0 ? std::max(0.0, static_cast<double>(at.value) / 1000 - ack) : -1;
  facts.backlog = bridge.sum("wayside_link_backlog_records");
  facts.resent = bridge.sum("wayside_link_batches_total", {{"kind", "resent"}});
  facts.sessions = bridge.sum("wayside_link_sessions_total");
  facts.alarms = bridge.by("wayside_link_alarms_total", "reason");
  return facts;
}

CommandFacts commands_of(const Samples& broker) {
  CommandFacts facts;
  facts.states = broker.by("wayside_commands_total", "state");
  facts.open = broker.sum("wayside_commands_open");
  facts.outbox = broker.sum("wayside_command_outbox");
  facts.p50_s = quantile(broker, "wayside_command_seconds", {{"stage", "closed"}}, 0.5);
  facts.p99_s = quantile(broker, "wayside_command_seconds", {{"stage", "closed"}}, 0.99);
  facts.alarms = broker.by("wayside_command_alarms_total", "kind");
  std::erase_if(facts.alarms, [](const auto& one) { return one.second <= 0; });
  return facts;
}

void add_dates(const Samples& samples, double now_s, EdgeFacts& facts) {
  for (const auto& [use, at] : samples.by("wayside_certificate_expiry_timestamp_seconds", "use")) {
    if (at > 0) facts.expires_in_s[use] = at - now_s;
  }
  for (const auto& [use, at] : samples.by("wayside_crl_update_timestamp_seconds", "use")) {
    facts.crl_age_s[use] = now_s - at;
  }
}

Result<void> add_status(const std::string& text, EdgeFacts& facts) {
  const Json json = Json::parse(text, nullptr, false);
  const Error no{Fault::malformed, "admin.sock: the answer is no status", 0};
  if (!json.is_object() || !json.value("ok", false) || !json.contains("local_broker")) return no;
  try {
    facts.edge = json.at("edge").get<std::string>();
    facts.region = json.at("region").get<std::string>();
    facts.version = json.at("version").get<std::string>();
    facts.uptime_s = json.at("uptime_ms").get<double>() / 1000;
    facts.vehicles = json.at("vehicles_online").get<double>();
    facts.writable = json.at("custody_writable").get<bool>();
    facts.draining = json.at("draining").get<bool>();
    facts.local_broker = json.at("local_broker").at("mode").get<std::string>();
    facts.local_broker_up = json.at("local_broker").at("up").get<bool>();
  } catch (const Json::exception&) {
    return no;
  }
  return {};
}

void add_gate(const Samples& broker, const Change& change, EdgeFacts& facts) {
  facts.connects_per_s = change.rate("wayside_gate_accepted_total");
  const double full = broker.sum("wayside_gate_handshakes_total", {{"kind", "full"}});
  const double resumed = broker.sum("wayside_gate_handshakes_total", {{"kind", "resumed"}});
  if (full + resumed > 0) facts.resumed_percent = 100 * resumed / (full + resumed);
  facts.refused = broker.by("wayside_gate_refusals_total", "reason");
  std::erase_if(facts.refused, [](const auto& one) { return one.second <= 0; });
  facts.refused_per_s = change.rate("wayside_gate_refusals_total");
  for (const auto& [what, failing] : broker.by("wayside_gate_reload_failing", "what")) {
    if (failing > 0) facts.reload_failing.push_back(what);
  }
}

}  // namespace

Result<EdgeFacts> facts_of(const Probe& before, const Probe& after) {
  EdgeFacts facts;
  if (Result<void> added = add_status(after.status, facts); !added.ok()) return std::move(added).error();
  facts.at = after.at;
  facts.window_s = static_cast<double>(after.broker_at - before.broker_at) / 1000;
  if (before.bridge && after.bridge) {
    facts.link_window_s = static_cast<double>(after.bridge_at - before.bridge_at) / 1000;
  }
  const Change change(before.broker, after.broker, facts.window_s);
  for (const Lane lane : kAllLanes) facts.lanes[index_of(lane)] = lane_of(lane, after, change);
  facts.total_mark = static_cast<int>(after.broker.sum("wayside_custody_mark", {{"what", "total"}}));
  facts.volume_mark = static_cast<int>(after.broker.sum("wayside_custody_mark", {{"what", "volume"}}));
  add_gate(after.broker, change, facts);
  const double now_s = static_cast<double>(after.at.value) / 1000;
  add_dates(after.broker, now_s, facts);
  facts.recovery_lost = after.broker.sum("wayside_spool_recovery_total", {{"kind", "lost_records"}}) +
                        after.broker.sum("wayside_spool_recovery_total", {{"kind", "tail_unknown"}});
  if (after.broker.sum("wayside_command_lists_failing") > 0) facts.reload_failing.emplace_back("command_lists");
  facts.local_broker_restarts = after.broker.sum("wayside_local_broker_restarts_total");
  facts.ledger = ledger_of(after.broker);
  facts.commands = commands_of(after.broker);
  facts.bridge_why = after.bridge_why;
  if (after.bridge) {
    add_dates(*after.bridge, now_s, facts);
    facts.link = link_of(*after.bridge, after.at);
    if (before.bridge) {
      const Change link(*before.bridge, *after.bridge, facts.link_window_s);
      facts.link->alarms_now = link.grown_by("wayside_link_alarms_total", "reason");
    }
    if (after.bridge->sum("wayside_link_reload_failing") > 0) facts.reload_failing.emplace_back("link");
  }
  return facts;
}

}  // namespace wayside::cli
