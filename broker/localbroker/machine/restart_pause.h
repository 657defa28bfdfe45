// When a supervised process that ended is started again.
#pragma once

#include <cstdint>

#include "common/types.h"

namespace wayside::broker {

// Owns     the pause and the count of restarts.
// Thread   one.
// Durable  -
// Limits   pause_max_ms; a process that lived healthy_ms starts over with the first pause.
class RestartPause {
 public:
  struct Limits {
    std::int64_t pause_first_ms = 100;
    std::int64_t pause_max_ms = 10'000;
    std::int64_t healthy_ms = 30'000;
  };
  RestartPause() : RestartPause(Limits{}) {}
  explicit RestartPause(Limits limits) : limits_(limits), pause_ms_(limits.pause_first_ms) {}

  void started(MonoMs now) { started_ = now; }
  void ended(MonoMs now);
  [[nodiscard]] bool due(MonoMs now) const { return now >= next_start_; }
  [[nodiscard]] MonoMs next_start() const { return next_start_; }
  [[nodiscard]] std::uint64_t endings() const { return endings_; }

 private:
  Limits limits_;
  std::int64_t pause_ms_;
  MonoMs started_{};
  MonoMs next_start_{};
  std::uint64_t endings_ = 0;
};

}  // namespace wayside::broker
