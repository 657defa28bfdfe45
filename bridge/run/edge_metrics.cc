#include "bridge/run/edge_metrics.h"

namespace wayside::bridge::run {

EdgeMetrics::EdgeMetrics(metrics::Registry& registry, std::string core)
    : registry_(registry),
      core_(std::move(core)),
      sessions_(registry.counter("wayside_link_sessions_total", "Link sessions that were opened.", {{"core", core_}})),
      ledger_(registry, "wayside_ledger_records_total", "Settled records of a lane by outcome."),
      batches_(registry, "wayside_link_batches_total", "Batches published, resends counted apart."),
      batch_bytes_(registry, "wayside_link_batch_bytes_total",
                   "Batch bytes before (raw) and after (sent) compression."),
      link_bytes_(registry, "wayside_link_bytes_total", "Payload bytes on a connection to the core broker."),
      connect_failures_(registry, kConnectFailures, kConnectFailuresHelp),
      samples_(registry, "wayside_link_samples_total", "Signal samples shipped."),
      stale_(registry, "wayside_link_ignored_total", "Messages of the core that changed nothing, by cause."),
      down_(registry, "wayside_link_requests_total", "Requests of the core, by what became of them here.") {}

void EdgeMetrics::alarm(Reason reason) {
  registry_
      .counter("wayside_link_alarms_total", "Alarms of the link by reason.", {{"reason", std::string(code(reason))}})
      .add();
}

void EdgeMetrics::begin_spool() {
  for (CounterMirror* mirror :
       {&ledger_, &batches_, &batch_bytes_, &link_bytes_, &connect_failures_, &samples_, &stale_, &down_}) {
    mirror->begin_again();
  }
}

void EdgeMetrics::show_lane(edge::LaneSender& sender, Lane lane) {
  const std::string name = to_string(lane);
  const spool::Standing& standing = sender.standing();
  ledger_.show(standing.totals.delivered, {{"lane", name}, {"outcome", "delivered"}});
  ledger_.show(standing.totals.compacted, {{"lane", name}, {"outcome", "compacted"}});
  ledger_.show(standing.totals.expired, {{"lane", name}, {"outcome", "expired"}});
  ledger_.show(standing.totals.lost, {{"lane", name}, {"outcome", "lost"}});
  const edge::LaneCounters& counts = sender.counters();
  batches_.show(counts.batches, {{"lane", name}, {"kind", "first"}});
  batches_.show(counts.resent_batches, {{"lane", name}, {"kind", "resent"}});
  batch_bytes_.show(counts.raw_bytes, {{"lane", name}, {"form", "raw"}});
  batch_bytes_.show(counts.message_bytes, {{"lane", name}, {"form", "sent"}});
  samples_.show(counts.samples, {{"lane", name}});
  const double backlog = static_cast<double>(sender.synced().value) - static_cast<double>(sender.settled().value);
  registry_.gauge("wayside_link_backlog_records", "Records synced and not settled.", {{"lane", name}}).set(backlog);
  registry_.gauge("wayside_link_forked", "1: the lane stopped because its volume went back in time.", {{"lane", name}})
      .set(sender.forked() ? 1 : 0);
}

void EdgeMetrics::show_failing(const MqttCounters& urgent, const MqttCounters& bulk) {
  for (std::size_t i = 0; i < kConnectCauses.size(); ++i) {
    const auto cause = static_cast<ConnectCause>(i);
    registry_
        .gauge("wayside_link_failing", "1: the last attempt to connect to the core broker failed for this cause.",
               {{"cause", kConnectCauses[i]}})
        .set(urgent.failing == cause || bulk.failing == cause ? 1 : 0);
  }
}

void EdgeMetrics::show(edge::EdgeLink& link, const MqttCounters& urgent, const MqttCounters& bulk) {
  for (const Lane lane : kAllLanes) show_lane(link.lane(lane), lane);
  link_bytes_.show(urgent.bytes_out, {{"channel", "urgent"}, {"direction", "up"}});
  link_bytes_.show(urgent.bytes_in, {{"channel", "urgent"}, {"direction", "down"}});
  link_bytes_.show(bulk.bytes_out, {{"channel", "bulk"}, {"direction", "up"}});
  link_bytes_.show(bulk.bytes_in, {{"channel", "bulk"}, {"direction", "down"}});
  show_connect_failures(connect_failures_, "urgent", urgent);
  show_connect_failures(connect_failures_, "bulk", bulk);
  show_failing(urgent, bulk);
  stale_.show(link.counters().stale, {{"cause", "stale"}});
  stale_.show(link.counters().malformed, {{"cause", "malformed"}});
  stale_.show(urgent.dropped + bulk.dropped, {{"cause", "full"}});
  down_.show(link.counters().down_items, {{"what", "received"}});
  down_.show(link.counters().down_answers, {{"what", "answered"}});
  down_.show(link.counters().down_deferred, {{"what", "deferred"}});
  registry_.gauge("wayside_link_up", "1: a link session is open.", {{"core", core_}}).set(link.linked() ? 1 : 0);
  registry_
      .gauge("wayside_link_last_ack_timestamp_seconds", "When the core acknowledged last; 0: never in this life.",
             {{"core", core_}})
      .set(static_cast<double>(link.last_ack().value) / 1000.0);
}

}  // namespace wayside::bridge::run
