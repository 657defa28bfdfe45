// Counts that a machine keeps as plain numbers, shown as counters: the machine's thread brings them up to date.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "bridge/run/mqtt_connection.h"
#include "common/metrics/metrics.h"

namespace wayside::bridge::run {

// Thread: the machine's. Limits: the series its caller names.
class CounterMirror {
 public:
  CounterMirror(metrics::Registry& registry, std::string name, std::string help)
      : registry_(registry), name_(std::move(name)), help_(std::move(help)) {}
  void show(std::uint64_t value, const metrics::Labels& labels = {}) {
    std::uint64_t& last = shown_[labels];
    metrics::Counter& counter = registry_.counter(name_, help_, labels);
    // A ledger adopts the core's totals: after a core went back a count may fall, and then it stands still.
    if (value > last) counter.add(static_cast<double>(value - last));
    last = std::max(last, value);
  }
  // What is counted from now on begins at 0; what is shown goes on.
  void begin_again() { shown_.clear(); }

 private:
  metrics::Registry& registry_;
  std::string name_;
  std::string help_;
  std::map<metrics::Labels, std::uint64_t> shown_;
};

inline constexpr const char* kConnectFailures = "wayside_link_connect_failures_total";
inline constexpr const char* kConnectFailuresHelp = "Connections to the core broker that could not be made, by cause.";

inline void show_connect_failures(CounterMirror& mirror, const char* channel, const MqttCounters& counters) {
  for (std::size_t i = 0; i < kConnectCauses.size(); ++i) {
    mirror.show(counters.failed[i], {{"channel", channel}, {"cause", kConnectCauses[i]}});
  }
}

}  // namespace wayside::bridge::run
