#include "bridge/run/core_metrics.h"

namespace wayside::bridge::run {
namespace {

// Lanes of spools whose account is shown: four outcomes each must stay below the series of one name.
constexpr std::size_t kLedgersMax = metrics::kSeriesMax / 4 - 1;

}  // namespace

CoreMetrics::CoreMetrics(metrics::Registry& registry)
    : registry_(registry),
      ledger_(registry, "wayside_ledger_records_total", "Records of an edge's lane durable at the core, by outcome."),
      resent_(registry, "wayside_ledger_resent_records_total", "Of the compacted records: repeats by source id."),
      batches_(registry, "wayside_core_batches_total", "Batches by what became of them."),
      link_bytes_(registry, "wayside_link_bytes_total", "Payload bytes on a connection to the core broker."),
      connect_failures_(registry, kConnectFailures, kConnectFailuresHelp),
      requests_(registry, "wayside_core_requests_total", "Requests by what became of them."),
      sink_(registry, "wayside_sink_events_total", "Objects written by a sink, faults, records it could not read."),
      dedupe_evicted_(registry, "wayside_core_dedupe_evicted_total",
                      "Vehicles whose source ids went for others: a bound of [dedupe]."),
      dedupe_forgotten_(registry, "wayside_core_dedupe_forgotten_records_total",
                        "Core records whose source ids were not found at the start: their repeats are delivered.") {}

void CoreMetrics::alarm(Reason reason) {
  registry_
      .counter("wayside_link_alarms_total", "Alarms of the link by reason.", {{"reason", std::string(code(reason))}})
      .add();
}

void CoreMetrics::show_ledgers(core::CoreLink& link) {
  const core::Standings& standings = link.log().durable();
  std::size_t shown = 0;
  for (const auto& [key, standing] : standings.lanes()) {
    const auto edge = standings.edges().find(key.first);
    if (edge == standings.edges().end()) continue;
    if (++shown > kLedgersMax) return;  // in the checkpoint they all are
    show_ledger(edge->second, key, standing);
  }
}

// By spool: an edge whose volume was replaced has an account of each.
void CoreMetrics::show_ledger(const std::string& edge, const core::LaneKey& key, const spool::Standing& standing) {
  const metrics::Labels lane = {{"edge", edge}, {"spool", to_string(key.first)}, {"lane", to_string(key.second)}};
  const auto show = [&](std::uint64_t value, const char* outcome) {
    metrics::Labels labels = lane;
    labels.emplace_back("outcome", outcome);
    ledger_.show(value, labels);
  };
  show(standing.totals.delivered, "delivered");
  show(standing.totals.compacted, "compacted");
  show(standing.totals.expired, "expired");
  show(standing.totals.lost, "lost");
  resent_.show(standing.totals.resent, lane);
  registry_
      .gauge("wayside_ledger_cohorts_checksum", "CRC-32C of a lane's account by cohort: equal where the accounts are.",
             lane)
      .set(spool::cohorts_checksum(standing.cohorts));
}

void CoreMetrics::show_counts(core::CoreLink& link) {
  const core::CoreCounters& counts = link.counters();
  batches_.show(counts.batches, {{"what", "accepted"}});
  batches_.show(counts.duplicates, {{"what", "other_offset"}});
  batches_.show(counts.forked, {{"what", "forked"}});
  batches_.show(counts.rejected, {{"what", "rejected"}});
  batches_.show(counts.undecodable, {{"what", "undecodable"}});
  batches_.show(counts.stale, {{"what", "stale"}});
  batches_.show(counts.overrun, {{"what", "beyond_credit"}});
  batches_.show(counts.log_full, {{"what", "log_full"}});
  const core::RequestCounters& requests = link.requests().counters();
  requests_.show(requests.forwarded, {{"what", "forwarded"}});
  requests_.show(requests.refused, {{"what", "refused"}});
  requests_.show(requests.accepted, {{"what", "accepted_by_edge"}});
  requests_.show(requests.edge_refused, {{"what", "refused_by_edge"}});
  requests_.show(requests.timed_out, {{"what", "timed_out"}});
  requests_.show(requests.resent, {{"what", "resent"}});
  registry_.gauge("wayside_core_requests_open", "Requests that wait for the edge's answer.")
      .set(static_cast<double>(link.requests().open()));
}

void CoreMetrics::show_dedupe(core::CoreLink& link) {
  for (const Lane lane : kAllLanes) {
    const core::RepeatWindow& window = link.log().repeats(lane);
    const metrics::Labels labels = {{"lane", to_string(lane)}};
    dedupe_evicted_.show(window.evicted(), labels);
    dedupe_forgotten_.show(link.log().forgotten(lane), labels);
    registry_.gauge("wayside_core_dedupe_vehicles", "Vehicles whose source ids are remembered.", labels)
        .set(static_cast<double>(window.vehicles()));
    registry_.gauge("wayside_core_dedupe_bytes", "Remembered source ids.", labels)
        .set(static_cast<double>(window.bytes()));
  }
}

void CoreMetrics::show_sinks(core::CoreLink& link, const std::vector<std::unique_ptr<SinkThread>>& sinks) {
  for (std::size_t i = 0; i < sinks.size(); ++i) {
    const std::string name = sinks[i]->name() + "-" + std::to_string(i);
    sink_.show(sinks[i]->counters().objects.load(), {{"sink", name}, {"what", "objects"}});
    sink_.show(sinks[i]->counters().faults.load(), {{"sink", name}, {"what", "faults"}});
    sink_.show(sinks[i]->counters().damaged.load(), {{"sink", name}, {"what", "damaged"}});
    sink_.show(sinks[i]->counters().skipped.load(), {{"sink", name}, {"what", "skipped"}});
    for (const Lane lane : kAllLanes) {
      const auto head = static_cast<double>(link.log().synced(lane).value);
      registry_
          .gauge("wayside_sink_backlog_records", "Core records that the sink has not made durable.",
                 {{"sink", name}, {"lane", to_string(lane)}})
          .set(head - static_cast<double>(sinks[i]->done(lane).value));
    }
  }
}

void CoreMetrics::show(core::CoreLink& link, const MqttCounters& urgent, const MqttCounters& bulk,
                       const std::vector<std::unique_ptr<SinkThread>>& sinks) {
  show_ledgers(link);
  show_counts(link);
  show_dedupe(link);
  show_sinks(link, sinks);
  link_bytes_.show(urgent.bytes_in, {{"channel", "urgent"}, {"direction", "up"}});
  link_bytes_.show(urgent.bytes_out, {{"channel", "urgent"}, {"direction", "down"}});
  link_bytes_.show(bulk.bytes_in, {{"channel", "bulk"}, {"direction", "up"}});
  link_bytes_.show(bulk.bytes_out, {{"channel", "bulk"}, {"direction", "down"}});
  show_connect_failures(connect_failures_, "urgent", urgent);
  show_connect_failures(connect_failures_, "bulk", bulk);
}

}  // namespace wayside::bridge::run
