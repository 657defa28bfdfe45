#include "broker/custody/group/lane_desk.h"

#include <utility>

#include "spool/format.h"

namespace wayside::broker {
namespace {

constexpr std::int64_t kProbePauseFirstMs = 100;
constexpr std::int64_t kProbePauseMaxMs = 5000;

}  // namespace

// Why nothing is taken now; nullopt: the door is open.
std::optional<Reason> LaneDesk::why_shut() const {
  if (faulted_.load(std::memory_order_acquire)) return Reason::SPOOL_FAULT;
  if (full_.load(std::memory_order_acquire)) return Reason::SPOOL_FULL;
  return std::nullopt;
}

std::uint64_t LaneDesk::cost(const OfferBurst::Entry& entry) {
  return spool::framed_bytes(entry.body_bytes) + entry.cohort_bytes + sizeof(OfferBurst::Entry);
}

// What follows what is refused here is refused too, whoever hears of it when.
void LaneDesk::end_opening(Reason reason) {
  shut_reason_ = reason;
  opening_.fetch_add(1, std::memory_order_acq_rel);
}

// Why it is not taken; nullopt: it is counted in.
std::optional<Reason> LaneDesk::take_in(const OfferBurst::Entry& entry, MonoMs now) {
  if (entry.opening != 0 && entry.opening != opening_.load(std::memory_order_relaxed)) return shut_reason_;
  const std::uint64_t bytes = cost(entry);
  if (stopping_ || planner_.bytes() + bytes > options_.queue_bytes_max) return Reason::QUEUE_FULL;
  planner_.queued(bytes, now);
  return std::nullopt;
}

std::optional<Reason> LaneDesk::refuses(std::size_t body_bytes) {
  door_.offered(options_.lane);
  std::optional<Reason> reason = why_shut();
  if (body_bytes > options_.record_bytes_max) reason = Reason::PAYLOAD_TOO_LARGE;
  if (reason) door_.refused(options_.lane, *reason);
  return reason;
}

Outcome<void> LaneDesk::take(Offer& offer, MonoMs now) {
  const OfferBurst::Entry entry{offer.to, offer.token, offer.opening, static_cast<std::uint32_t>(offer.cohort.size()),
                                static_cast<std::uint32_t>(offer.body.size())};
  if (const std::optional<Reason> reason = take_in(entry, now)) {
    door_.refused(options_.lane, *reason);
    return *reason;
  }
  queue_.push(std::move(offer));
  return {};
}

// Takes what may be taken; what stays is returned, what is refused is appended to `refused`.
OfferBurst LaneDesk::sift(const OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room,
                          MonoMs now) {
  OfferBurst kept;
  if (!no_room) no_room = why_shut();
  std::size_t at = 0;
  for (const OfferBurst::Entry& entry : burst.entries) {
    const ByteView bytes = ByteView(burst.arena).subspan(at, entry.cohort_bytes + entry.body_bytes);
    at += bytes.size();
    std::optional<Reason> reason = no_room;
    if (entry.body_bytes > options_.record_bytes_max) {
      reason = Reason::PAYLOAD_TOO_LARGE;
    } else if (!reason) {
      reason = take_in(entry, now);
      if (reason == Reason::QUEUE_FULL) no_room = reason;
    }
    if (reason) {
      refused.push_back({entry.to, entry.token, false, *reason, options_.lane, {}});
    } else {
      kept.add(entry, as_text(bytes.first(entry.cohort_bytes)), bytes.subspan(entry.cohort_bytes));
    }
  }
  if (no_room) end_opening(*no_room);
  return kept;
}

// All of it, as it stands: what nearly every burst is. False: it needs sifting.
bool LaneDesk::take_whole(const OfferBurst& burst, MonoMs now) {
  if (why_shut() || stopping_) return false;
  const std::uint64_t opening = opening_.load(std::memory_order_relaxed);
  std::uint64_t bytes = planner_.bytes();
  for (const OfferBurst::Entry& entry : burst.entries) {
    if (entry.body_bytes > options_.record_bytes_max || (entry.opening != 0 && entry.opening != opening)) return false;
    bytes += cost(entry);
  }
  if (bytes > options_.queue_bytes_max) return false;
  for (const OfferBurst::Entry& entry : burst.entries) planner_.queued(cost(entry), now);
  return true;
}

bool LaneDesk::take_all(OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room,
                        MonoMs now) {
  if (no_room || !take_whole(burst, now)) burst = sift(burst, refused, no_room, now);
  if (burst.entries.empty()) return false;
  queue_.push(burst);
  return true;
}

void LaneDesk::begin(std::size_t records, MonoMs now) {
  queue_.take(records, group_);
  planner_.taken(records, now);
}

Reason LaneDesk::full(SpaceBound bound) {
  full_.store(true, std::memory_order_release);
  port_.met(bound);
  return Reason::SPOOL_FULL;
}

// Appended: `ok` until the sync has failed. Returned: why nothing behind it may be taken, if so.
std::optional<Reason> LaneDesk::append(const OfferBurst::Entry& entry, ByteView bytes, WallMs now, Committed& answer) {
  const std::string_view cohort = as_text(bytes.first(entry.cohort_bytes));
  const ByteView body = bytes.subspan(entry.cohort_bytes);
  if (!space_.claim(options_.lane, writer_.bytes_after(spool::framed_bytes(body.size()), 1))) {
    return answer.reason = full(SpaceBound::total);
  }
  switch (writer_.append(body, cohort, now, &answer.offset)) {
    case spool::AppendOutcome::appended: answer.ok = true; return std::nullopt;
    case spool::AppendOutcome::lane_full: return answer.reason = full(SpaceBound::lane);
    case spool::AppendOutcome::record_too_large: answer.reason = Reason::PAYLOAD_TOO_LARGE; break;
  }
  return std::nullopt;
}

std::optional<Reason> LaneDesk::append(const QueuedBurst& queued, WallMs now, std::optional<Reason> refused) {
  std::size_t at = queued.arena_at;
  for (std::size_t i = queued.next; i < queued.burst.entries.size(); ++i) {
    const OfferBurst::Entry& entry = queued.burst.entries[i];
    const ByteView bytes = ByteView(queued.burst.arena).subspan(at, entry.cohort_bytes + entry.body_bytes);
    at += bytes.size();
    Committed& answer = answers_.emplace_back(Committed{entry.to, entry.token, false, {}, options_.lane, {}});
    if (refused) {
      answer.reason = *refused;
    } else {
      refused = append(entry, bytes, now, answer);
    }
  }
  return refused;
}

// Ends this opening of the door: what is queued joins the group and is refused with it.
void LaneDesk::shut(Reason reason) {
  const std::size_t before = group_.size();
  port_.at_door([this, reason] {
    end_opening(reason);
    begin(planner_.records(), port_.mono());
  });
  for (std::size_t i = before; i < group_.size(); ++i) append(group_[i], {}, reason);
}

void LaneDesk::write(WallMs now) {
  answers_.clear();
  std::optional<Reason> refused;
  if (faulted()) refused = Reason::SPOOL_FAULT;
  for (const QueuedBurst& queued : group_) refused = append(queued, now, refused);
  if (refused) shut(*refused);
  if (writer_.appended() > writer_.synced()) commit(now);
  space_.set(options_.lane, writer_.bytes_after(0, 0));
  count_answers();
}

void LaneDesk::commit(WallMs now) {
  const Result<Offset> synced = port_.commit(now);
  if (synced.ok()) return;
  for (Committed& answer : answers_) {
    if (!answer.ok) continue;
    answer.ok = false;
    answer.reason = Reason::SPOOL_FAULT;
  }
  faulted_.store(true, std::memory_order_release);
  probe_pause_ms_ = kProbePauseFirstMs;
  next_probe_ = port_.mono() + probe_pause_ms_;
  port_.failed(synced.error().what);
  shut(Reason::SPOOL_FAULT);
}

void LaneDesk::count_answers() {
  std::uint64_t committed = 0;
  for (const Committed& answer : answers_) {
    if (answer.ok) {
      ++committed;
    } else {
      door_.refused(options_.lane, answer.reason);
    }
  }
  door_.committed(options_.lane, committed);
}

void LaneDesk::probed(bool works, MonoMs now) {
  if (works) return faulted_.store(false, std::memory_order_release);
  probe_pause_ms_ = std::min(probe_pause_ms_ * 2, kProbePauseMaxMs);
  next_probe_ = now + probe_pause_ms_;
}

void LaneDesk::looked() {
  space_.set(options_.lane, writer_.bytes_after(0, 0));
  full_.store(false, std::memory_order_release);
}

}  // namespace wayside::broker
