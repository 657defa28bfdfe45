// The time seam. State machines get their time from the event or from this; only adapters touch the OS.
#pragma once

#include "common/types.h"

namespace wayside {

// Thread: implementations are safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual WallMs wall() const = 0;
  [[nodiscard]] virtual MonoMs mono() const = 0;
};

// A clock that a test or the simulator moves by hand.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(WallMs wall = {1'700'000'000'000}) : wall_(wall) {}
  [[nodiscard]] WallMs wall() const override { return wall_; }
  [[nodiscard]] MonoMs mono() const override { return mono_; }
  void advance_ms(std::int64_t ms) {
    wall_.value += ms;
    mono_.value += ms;
  }
  void step_wall_ms(std::int64_t ms) { wall_.value += ms; }

 private:
  WallMs wall_;
  MonoMs mono_{};
};

}  // namespace wayside
