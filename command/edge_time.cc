#include "command/edge_time.h"

#include <algorithm>

namespace wayside::command {

WallMs EdgeTime::now(const Now& clock) const {
  return std::max(clock.wall, WallMs{mark_.value + (clock.mono - marked_at_)});
}

WallMs EdgeTime::ceiling(const Now& clock) const {
  // A fresh store has no mark: the first commit takes the clock's word.
  if (base_.value == 0) return std::max(clock.wall, mark_);
  return {base_.value + (clock.mono - start_) + step_max_ms_};
}

bool EdgeTime::stepped(const Now& clock) const { return clock.wall > ceiling(clock); }

WallMs EdgeTime::raise(WallMs to, const Now& clock) {
  const WallMs next = std::min(to, ceiling(clock));
  if (next > mark_) {
    mark_ = next;
    marked_at_ = clock.mono;
  }
  if (base_.value == 0 && mark_.value != 0) {
    base_ = mark_;
    start_ = clock.mono;
  }
  return mark_;
}

WallMs EdgeTime::advance(const Now& clock) { return raise(now(clock), clock); }

WallMs EdgeTime::advance_to(WallMs issued, const Now& clock) { return raise(std::max(issued, now(clock)), clock); }

}  // namespace wayside::command
