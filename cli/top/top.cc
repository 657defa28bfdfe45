#include "cli/top/top.h"

#include "cli/status/change.h"

namespace wayside::cli {
namespace {

LaneRates rates_of(Lane lane, const Change& change) {
  const auto with = [&](const char* outcome) { return SampleLabels{{"lane", to_string(lane)}, {"outcome", outcome}}; };
  LaneRates rates;
  rates.offered_per_s = change.rate("wayside_door_records_total", with("offered"));
  rates.synced_per_s = change.rate("wayside_ledger_records_total", with("received"));
  for (const char* outcome : {"delivered", "compacted", "expired", "lost"}) {
    rates.settled_per_s += change.rate("wayside_ledger_records_total", with(outcome));
  }
  for (const char* outcome : {"refused", "shed"}) {
    for (const auto& [reason, rate] : change.rate_by("wayside_door_records_total", "reason", with(outcome))) {
      rates.turned_away_per_s[reason] += rate;
    }
  }
  return rates;
}

}  // namespace

Result<TopFacts> top_of(const Probe& before, const Probe& after) {
  auto edge = facts_of(before, after);
  if (!edge) return std::move(edge).error();
  TopFacts facts;
  facts.edge = std::move(edge).value();
  const Change change(before.broker, after.broker, facts.edge.window_s);
  for (const Lane lane : kAllLanes) facts.lanes[index_of(lane)] = rates_of(lane, change);
  facts.publishes_per_s = change.rate("wayside_gate_publishes_in_total");
  facts.bytes_in_per_s = change.rate("wayside_gate_bytes_in_total");
  facts.bytes_out_per_s = change.rate("wayside_gate_bytes_out_total");
  facts.handshakes_per_s = change.rate("wayside_gate_handshakes_total");
  facts.refused_per_s = change.rate_by("wayside_gate_refusals_total", "reason");
  facts.ended_per_s = change.rate_by("wayside_gate_ended_total", "reason");
  facts.commands_per_s = change.rate_by("wayside_commands_total", "state");
  if (!before.bridge || !after.bridge) return facts;
  const Change link(*before.bridge, *after.bridge, facts.edge.link_window_s);
  facts.batches_per_s = link.rate("wayside_link_batches_total", {{"kind", "first"}});
  facts.resent_per_s = link.rate("wayside_link_batches_total", {{"kind", "resent"}});
  facts.link_up_bytes_per_s = link.rate("wayside_link_bytes_total", {{"direction", "up"}});
  facts.link_down_bytes_per_s = link.rate("wayside_link_bytes_total", {{"direction", "down"}});
  return facts;
}

}  // namespace wayside::cli
