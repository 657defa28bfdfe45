#include "broker/custody/group/group_planner.h"

#include "common/result.h"

namespace wayside::broker {

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
  if (earlier_lane_syncs && !full && now < until) {
    decision.action = GroupAction::linger;
    decision.until = until;
  }
  return decision;
}

void GroupPlanner::taken(std::size_t records) {
  WAYSIDE_ASSERT(records <= entries_.size());
  for (; records > 0; --records) {
    bytes_ -= entries_.front().bytes;
    entries_.pop_front();
  }
}

}  // namespace wayside::broker
