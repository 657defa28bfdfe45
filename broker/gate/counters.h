// Counters of one I/O thread: a lookup of its own for each label set, so that counting takes no lock.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "common/metrics/metrics.h"
#include "common/mqtt/packet.h"
#include "common/reasons.h"

namespace wayside::broker::gate {

// Thread: one I/O thread. Limits: stages x reasons, both closed sets.
class Counters {
 public:
  Counters(metrics::Registry& registry, unsigned thread);
  // A packet, connection or message that was refused, shed or dropped.
  void refused(const std::string& stage, Reason reason);
  // A publish that has to wait for room, and why.
  void parked(Reason reason);
  // An open connection that ended, and why.
  void ended(Reason reason);
  void turn(double ms);

  metrics::Counter& accepted;
  metrics::Counter& handshakes_full;
  metrics::Counter& handshakes_resumed;
  metrics::Counter& packets_in;
  metrics::Counter& publishes_in;
  metrics::Counter& bytes_in;
  metrics::Counter& bytes_out;
  metrics::Counter& takeovers;

 private:
  metrics::Registry& registry_;
  metrics::Gauge& longest_turn_;
  double longest_ms_ = 0;
  std::map<std::pair<std::string, Reason>, metrics::Counter*> refusals_;
  std::map<Reason, metrics::Counter*> ends_;
  std::map<Reason, metrics::Counter*> parked_;
};

}  // namespace wayside::broker::gate
