// Group commit: when the queue of a lane is written and synced, and how much of it goes into one group.
#pragma once

#include <cstdint>
#include <deque>

#include "common/types.h"

namespace wayside::broker {

enum class GroupAction : std::uint8_t {
  idle,    // nothing is queued
  linger,  // a sync of a lane that is served first is under way, or more is coming: wait, at most until `until`
  commit,  // write and sync the first `records` of the queue now
};
struct GroupDecision {
  GroupAction action = GroupAction::idle;
  std::size_t records = 0;
  std::uint64_t bytes = 0;
  MonoMs until{};
};

// Owns     the sizes and arrival times of what is queued, in order; not the records.
// Thread   one, or under the lock of the queue it mirrors.
// Durable  -
// Limits   group_bytes_max a group (one larger record is a group of its own), group_records_max.
//
// An idle lane commits at once: waiting would only add latency. A busy one, whose last group had busy_records or more,
// waits while records keep coming: a sync costs the same for one as for a thousand. While a lane that is served earlier
// syncs, a group lingers, so that the two flushes do not share the device; but never longer than commit_interval_ms
// after its first record, and not at all once the group is full. The cap on a group's bytes is the cap on un-synced
// bytes of the lane: an ack's flush never queues behind more than that.
class GroupPlanner {
 public:
  struct Limits {
    std::int64_t commit_interval_ms = 5;
    std::uint64_t group_bytes_max = 1U << 20U;
    std::size_t group_records_max = 4096;
    std::size_t busy_records = SIZE_MAX;  // never
  };
  explicit GroupPlanner(Limits limits) : limits_(limits) {}

  void queued(std::uint64_t bytes, MonoMs now);
  [[nodiscard]] GroupDecision decide(MonoMs now, bool earlier_lane_syncs) const;
  // The first `records` left the queue.
  void taken(std::size_t records, MonoMs now = {});
  // Another record would not make the next group larger.
  [[nodiscard]] bool full() const {
    return bytes_ >= limits_.group_bytes_max || entries_.size() >= limits_.group_records_max;
  }

  [[nodiscard]] std::size_t records() const { return entries_.size(); }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::uint64_t bytes;
    MonoMs at;
  };
  [[nodiscard]] GroupDecision group() const;
  [[nodiscard]] bool more_is_coming(MonoMs now) const;

  Limits limits_;
  std::deque<Entry> entries_;
  std::uint64_t bytes_ = 0;
  MonoMs busy_until_{};  // records that come before are of a busy lane
};

}  // namespace wayside::broker
