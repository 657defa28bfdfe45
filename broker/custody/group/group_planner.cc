#include "broker/custody/group/group_planner.h"

#include <algorithm>

#include "common/result.h"

namespace wayside::broker {
namespace {

constexpr std::int64_t kQuietMs = 2;   // nothing came for so long: no more is coming
constexpr std::int64_t kBusyMs = 100;  // how long a large group lets us expect another

}  // namespace

void GroupPlanner::queued(std::uint64_t bytes, MonoMs now) {
  entries_.push_back({bytes, now});
  bytes_ += bytes;
}

GroupDecision GroupPlanner::group() const {
  GroupDecision group;
  group.action = GroupAction::commit;
  for (const Entry& entry : entries_) {
    const bool full = group.records >= limits_.group_records_max || group.bytes + entry.bytes > limits_.group_bytes_max;
    if (full && group.records > 0) break;
    ++group.records;
    group.bytes += entry.bytes;
  }
  return group;
}

GroupDecision GroupPlanner::decide(MonoMs now, bool earlier_lane_syncs) const {
  if (entries_.empty()) return {};
  GroupDecision decision = group();
  const MonoMs until = entries_.front().at + limits_.commit_interval_ms;
  const bool full = decision.records < entries_.size() || decision.bytes >= limits_.group_bytes_max ||
                    decision.records >= limits_.group_records_max;
  if (full || now >= until) return decision;
  if (earlier_lane_syncs) {
    decision.action = GroupAction::linger;
    decision.until = until;
  } else if (more_is_coming(now)) {
    decision.action = GroupAction::linger;
    decision.until = std::min(until, entries_.back().at + kQuietMs);
  }
  return decision;
}

bool GroupPlanner::more_is_coming(MonoMs now) const {
  return entries_.front().at < busy_until_ && now < entries_.back().at + kQuietMs;
}

void GroupPlanner::taken(std::size_t records, MonoMs now) {
  WAYSIDE_ASSERT(records <= entries_.size());
  // What waits for these answers says more once it has them: the next group of a busy lane begins after the sync.
  busy_until_ = records >= limits_.busy_records ? now + kBusyMs : MonoMs{};
  for (; records > 0; --records) {
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
  }
}

}  // namespace wayside::broker
