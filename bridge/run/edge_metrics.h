// What `wayside-bridge edge` shows on /metrics. Thread: the machine's; scrapes read the registry.
#pragma once

#include <string>

#include "bridge/edge/edge_link.h"
#include "bridge/run/mirror.h"
#include "bridge/run/mqtt_connection.h"

namespace wayside::bridge::run {

class EdgeMetrics {
 public:
  EdgeMetrics(metrics::Registry& registry, std::string core);
  void show(edge::EdgeLink& link, const MqttCounters& urgent, const MqttCounters& bulk);
  void alarm(Reason reason);
  void session_opened() { sessions_.add(); }
  // Another spool, link and connections are shown from now on, whose counts begin anew.
  void begin_spool();

 private:
  void show_failing(const MqttCounters& urgent, const MqttCounters& bulk);
  void show_lane(edge::LaneSender& sender, Lane lane);

  metrics::Registry& registry_;
  std::string core_;
  metrics::Counter& sessions_;
  CounterMirror ledger_;
  CounterMirror batches_;
  CounterMirror batch_bytes_;
  CounterMirror link_bytes_;
  CounterMirror connect_failures_;
  CounterMirror samples_;
  CounterMirror stale_;
  CounterMirror down_;
};

}  // namespace wayside::bridge::run
