#include "broker/session/park.h"

#include <algorithm>

namespace wayside::broker::session {
namespace {

constexpr std::int64_t kPauseFirstMs = 50;
constexpr std::int64_t kPauseMaxMs = 1'000;
constexpr std::size_t kGroupRecordsMax = 16;

}  // namespace

bool is_for_room(Reason reason) {
  return reason == Reason::SPOOL_FULL || reason == Reason::SPOOL_FAULT || reason == Reason::QUEUE_FULL;
}

std::deque<Park::Held>::iterator Park::find(LanePark& lane, std::uint64_t token) {
  const auto at = std::lower_bound(lane.held.begin(), lane.held.end(), token,
                                   [](const Held& held, std::uint64_t wanted) { return held.record.token < wanted; });
  return at != lane.held.end() && at->record.token == token ? at : lane.held.end();
}

std::optional<Reason> Park::waits(Lane lane) const {
  const LanePark* park = find(lane);
  if (park == nullptr || park->waiting == 0) return std::nullopt;
  return park->reason;
}

// What is larger than the park has a place when nothing else waits: it would never be taken otherwise.
bool Park::room_for(std::size_t bytes) const {
  return packets_ == 0 || (packets_ < packets_max_ && bytes_ + bytes <= bytes_max_);
}

void Park::offered(Lane lane, std::uint64_t token, const Bytes& body) {
  std::unique_ptr<LanePark>& park = lanes_.at(index_of(lane));
  if (!park) park = std::make_unique<LanePark>();
  in_flight_bytes_ += body.size();
  park->held.push_back({{token, body}, false, false});
}

bool Park::queue(Lane lane, std::uint64_t token, Bytes body) {
  if (!room_for(body.size())) return false;
  LanePark& park = *find(lane);  // somebody waits there
  ++packets_;
  bytes_ += body.size();
  ++waiting_;
  ++park.waiting;
  park.held.push_back({{token, std::move(body)}, true, true});
  return true;
}

bool Park::holds(Lane lane, std::uint64_t token) const {
  LanePark* park = find(lane);
  return park != nullptr && find(*park, token) != park->held.end();
}

ParkOutcome Park::refused(Lane lane, std::uint64_t token, Reason reason, MonoMs now) {
  LanePark& park = *find(lane);
  Held& held = *find(park, token);
  const std::size_t bytes = held.record.body.size();
  const bool before = held.parked;
  if (!before && !room_for(bytes)) return ParkOutcome::full;
  if (!before) {
    held.parked = true;
    ++packets_;
    bytes_ += bytes;
  }
  held.waiting = true;
  in_flight_bytes_ -= bytes;
  ++waiting_;
  ++park.waiting;
  park.reason = reason;
  if (!park.retry_at) {
    // The rest of a group comes back with its first: that is one refusal, one pause.
    park.pause_ms = std::clamp(park.pause_ms * 2, kPauseFirstMs, kPauseMaxMs);
    park.retry_at = now + park.pause_ms;
  }
  return before ? ParkOutcome::again : ParkOutcome::parked;
}

void Park::resolved(Lane lane, std::uint64_t token) {
  LanePark& park = *find(lane);
  const auto at = find(park, token);
  const std::size_t bytes = at->record.body.size();
  in_flight_bytes_ -= bytes;
  if (at->parked) {
    --packets_;
    bytes_ -= bytes;
  }
  park.held.erase(at);
  park.pause_ms = 0;
}

// In order: what is in flight again are the first that wait.
std::vector<ParkedRecord> Park::launch(LanePark& lane, std::size_t records_max) {
  std::vector<ParkedRecord> group;
  for (Held& held : lane.held) {
    if (group.size() == records_max) break;
    held.waiting = false;
    --lane.waiting;
    --waiting_;
    in_flight_bytes_ += held.record.body.size();
    group.push_back(held.record);
  }
  return group;
}

std::vector<ParkedRecord> Park::due(Lane lane, MonoMs now) {
  LanePark* park = find(lane);
  if (park == nullptr || park->waiting == 0 || park->in_flight() > 0) return {};
  if (!park->retry_at || *park->retry_at > now) return {};
  park->retry_at.reset();
  return launch(*park, 1);
}

std::vector<ParkedRecord> Park::flow(Lane lane) {
  LanePark* park = find(lane);
  if (park == nullptr || park->waiting == 0 || park->in_flight() > 0 || park->retry_at) return {};
  return launch(*park, kGroupRecordsMax);
}

std::optional<MonoMs> Park::next_due() const {
  std::optional<MonoMs> next;
  if (waiting_ == 0) return next;
  for (const std::unique_ptr<LanePark>& park : lanes_) {
    if (!park || park->waiting == 0 || park->in_flight() > 0 || !park->retry_at) continue;
    next = next ? std::min(*next, *park->retry_at) : *park->retry_at;
  }
  return next;
}

void Park::clear() {
  for (std::unique_ptr<LanePark>& park : lanes_) park.reset();
  packets_ = bytes_ = waiting_ = in_flight_bytes_ = 0;
}

}  // namespace wayside::broker::session
