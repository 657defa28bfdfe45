// What the command thread counts. Labels are words of ours: a reason that only a vehicle knows is OTHER.
#pragma once

#include <string>

#include "command/events.h"
#include "command/lifecycle.h"
#include "common/metrics/metrics.h"

namespace wayside::broker {

// Thread   the command thread.
class DeskCounters {
 public:
  explicit DeskCounters(metrics::Registry& registry) : registry_(registry) {}

  void answered(const command::Answer& answer, std::int64_t waited_ms);
  void moved(const command::Status& status);
  void ack(const command::AckVerdict& verdict);
  void list(bool accepted, Reason reason);
  void lists_failing(std::size_t files);
  void alarm(command::AlarmKind kind);
  void standing(const command::Lifecycle& lifecycle);

 private:
  void count(const std::string& state, const std::string& reason);
  void observe(const char* stage, std::int64_t ms);
  void forgotten(const char* cause, std::uint64_t total);

  metrics::Registry& registry_;
};

}  // namespace wayside::broker
