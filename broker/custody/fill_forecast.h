// How long until a lane is full, if it goes on filling as it did for the last minute.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>

#include "common/types.h"

namespace wayside::broker {

// Owns     the smoothed rate of one lane.
// Thread   one.
// Durable  -
// Limits   -
//
// The rate is an exponential average with a time constant of one minute: segments are released in steps, which a
// shorter one would follow.
class FillForecast {
 public:
  static constexpr double kAverageSeconds = 60;
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  // Seconds until `bytes` reach `bound`; infinity: it does not fill up. 0: it is full. What is drained fills a segment,
  // which is released as soon as it is whole: not `waits`, not filling.
  double seconds(std::uint64_t bytes, std::uint64_t bound, bool waits, MonoMs now) {
    look(bytes, now);
    if (bytes >= bound) return 0;
    if (!waits) return kNever;
    if (rate_ * kHorizonSeconds < static_cast<double>(bound)) return kNever;
    return static_cast<double>(bound - bytes) / rate_;
  }

 private:
  // At a rate that fills the whole bound later than this nobody need act.
  static constexpr double kHorizonSeconds = 30.0 * 86'400.0;

  void look(std::uint64_t bytes, MonoMs now) {
    if (seen_ && now > seen_->at) {
      const double seconds = static_cast<double>(now - seen_->at) / 1000.0;
      const double rate = (static_cast<double>(bytes) - static_cast<double>(seen_->bytes)) / seconds;
      rate_ += (rate - rate_) * (1.0 - std::exp(-seconds / kAverageSeconds));
    }
    seen_ = {bytes, now};
  }

  struct Seen {
    std::uint64_t bytes = 0;
    MonoMs at{};
  };
  std::optional<Seen> seen_;
  double rate_ = 0;  // bytes a second
};

}  // namespace wayside::broker
