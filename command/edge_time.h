// The time by which commands live and die: never behind what was durable, whatever the clock does.
#pragma once

#include "common/types.h"

namespace wayside::command {

struct Now {
  WallMs wall{};
  MonoMs mono{};
};

// Owns     the high-water mark and where it stood when this process began.
// Thread   one.   Durable  the caller writes mark() with each of its commits.
// Limits   the mark rises by at most the monotonic progress + step_max_ms in the life of a process, so
//          that a wild clock cannot push it out of reach; beyond that `stepped` is true (an alarm).
//
// now() itself follows a clock that runs ahead: a deadline that may have passed has passed. It never falls
// behind the mark plus the time that went by since, so no step back revives a command.
class EdgeTime {
 public:
  EdgeTime(WallMs mark, MonoMs start, std::int64_t step_max_ms)
      : base_(mark), start_(start), mark_(mark), marked_at_(start), step_max_ms_(step_max_ms) {}

  [[nodiscard]] WallMs now(const Now& clock) const;
  // The mark to write with a commit at this moment. Raises it.
  WallMs advance(const Now& clock);
  // A list signed by a trusted key was issued then: it is at least that late.
  WallMs advance_to(WallMs issued, const Now& clock);
  // The clock is further ahead than it may move the mark.
  [[nodiscard]] bool stepped(const Now& clock) const;
  [[nodiscard]] WallMs mark() const { return mark_; }

 private:
  [[nodiscard]] WallMs ceiling(const Now& clock) const;
  WallMs raise(WallMs to, const Now& clock);

  WallMs base_;
  MonoMs start_;
  WallMs mark_;
  MonoMs marked_at_;
  std::int64_t step_max_ms_;
};

}  // namespace wayside::command
