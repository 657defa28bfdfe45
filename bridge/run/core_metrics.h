// What `wayside-bridge core` shows on /metrics. Thread: the machine's; scrapes read the registry.
#pragma once

#include <memory>
#include <vector>

#include "bridge/core/core_link.h"
#include "bridge/run/mirror.h"
#include "bridge/run/mqtt_connection.h"
#include "bridge/run/sink_thread.h"

namespace wayside::bridge::run {

class CoreMetrics {
 public:
  explicit CoreMetrics(metrics::Registry& registry);
  void show(core::CoreLink& link, const MqttCounters& urgent, const MqttCounters& bulk,
            const std::vector<std::unique_ptr<SinkThread>>& sinks);
  void alarm(Reason reason);

 private:
  void show_ledgers(core::CoreLink& link);
  void show_ledger(const std::string& edge, const core::LaneKey& key, const spool::Standing& standing);
  void show_dedupe(core::CoreLink& link);
  void show_counts(core::CoreLink& link);
  void show_sinks(core::CoreLink& link, const std::vector<std::unique_ptr<SinkThread>>& sinks);

  metrics::Registry& registry_;
  CounterMirror ledger_;
  CounterMirror resent_;
  CounterMirror batches_;
  CounterMirror link_bytes_;
  CounterMirror connect_failures_;
  CounterMirror requests_;
  CounterMirror sink_;
  CounterMirror dedupe_evicted_;
  CounterMirror dedupe_forgotten_;
};

}  // namespace wayside::bridge::run
