// How long to wait before the next attempt: doubling with jitter, from `first_ms` up to `max_ms`.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/rng.h"

namespace wayside::fleet {

class Backoff {
 public:
  Backoff(std::int64_t first_ms, std::int64_t max_ms, std::uint64_t seed)
      : first_ms_(first_ms), max_ms_(max_ms), next_ms_(first_ms), rng_(seed) {}

  // Between half and all of the present step; the step doubles.
  std::int64_t wait_ms() {
    const auto step = next_ms_;
    next_ms_ = std::min(max_ms_, next_ms_ * 2);
    return step / 2 + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(step / 2 + 1)));
  }
  void reset() { next_ms_ = first_ms_; }

 private:
  std::int64_t first_ms_;
  std::int64_t max_ms_;
  std::int64_t next_ms_;
  SeededRng rng_;
};

}  // namespace wayside::fleet
