#include "broker/custody/lane_thread.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "common/log/log.h"
#include "spool/format.h"

namespace wayside::broker {
namespace {

constexpr const char* kFullHelp = "How often the door of the lane shut for want of room, by the bound that was met.";
constexpr std::int64_t kProbePauseFirstMs = 100;
constexpr std::int64_t kProbePauseMaxMs = 5000;
const std::vector<double> kCommitBuckets = {0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5};

}  // namespace

LaneThread::LaneThread(Options options, Parts parts, std::unique_ptr<spool::LaneWriter> writer,
                       std::unique_ptr<LaneWatch> watch)
    : options_(std::move(options)),
      parts_(std::move(parts)),
      writer_(std::move(writer)),
      watch_(std::move(watch)),
      commit_seconds_(parts_.metrics.histogram("wayside_custody_commit_seconds",
                                               "Time from the first append of a group to its fdatasync.",
                                               kCommitBuckets, {{"lane", to_string(options_.lane)}})),
      planner_(options_.group) {
  watch_->tick(*writer_, true);
  parts_.space.set(options_.lane, writer_->bytes());
}

LaneThread::~LaneThread() { stop(); }

void LaneThread::start(IoPort& io) {
  io_ = &io;
  thread_ = std::thread([this] { run(); });
}

void LaneThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// Why nothing is taken now; nullopt: the door is open.
std::optional<Reason> LaneThread::why_shut() const {
  if (faulted_.load(std::memory_order_acquire)) return Reason::SPOOL_FAULT;
  if (full_.load(std::memory_order_acquire)) return Reason::SPOOL_FULL;
  return std::nullopt;
}

std::uint64_t LaneThread::cost(const OfferBurst::Entry& entry) {
  return spool::framed_bytes(entry.body_bytes) + entry.cohort_bytes + sizeof(OfferBurst::Entry);
}

// What follows what is refused here is refused too, whoever hears of it when. Under the lock.
void LaneThread::end_opening(Reason reason) {
  shut_reason_ = reason;
  opening_.fetch_add(1, std::memory_order_acq_rel);
}

// Under the lock. Why it is not taken; nullopt: it is counted in.
std::optional<Reason> LaneThread::take_in(const OfferBurst::Entry& entry, MonoMs now) {
  if (entry.opening != 0 && entry.opening != opening_.load(std::memory_order_relaxed)) return shut_reason_;
  const std::uint64_t bytes = cost(entry);
  if (stopping_ || planner_.bytes() + bytes > options_.queue_bytes_max) return Reason::QUEUE_FULL;
  planner_.queued(bytes, now);
  return std::nullopt;
}

// Under the lock. One that lingers looks by itself when its time is over.
bool LaneThread::must_wake() {
  const bool wake = sleeps_ || planner_.full();
  sleeps_ = false;
  return wake;
}

Outcome<void> LaneThread::offer(Offer offer) {
  parts_.door.offered(options_.lane);
  const auto refuse = [&](Reason reason) {
    parts_.door.refused(options_.lane, reason);
    return Outcome<void>(reason);
  };
  if (offer.body.size() > options_.record_bytes_max) return refuse(Reason::PAYLOAD_TOO_LARGE);
  if (const std::optional<Reason> reason = why_shut()) return refuse(*reason);
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    const OfferBurst::Entry entry{offer.to, offer.token, offer.opening, static_cast<std::uint32_t>(offer.cohort.size()),
                                  static_cast<std::uint32_t>(offer.body.size())};
    if (const std::optional<Reason> reason = take_in(entry, parts_.clock.mono())) return refuse(*reason);
    queue_.push(std::move(offer));
    wake = must_wake();
  }
  if (wake) wake_.notify_one();
  return {};
}

// Takes what may be taken; what stays is returned, what is refused is appended to `refused`. Under the lock.
OfferBurst LaneThread::sift(const OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room) {
  OfferBurst kept;
  if (!no_room) no_room = why_shut();
  const MonoMs now = parts_.clock.mono();
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

// All of it, as it stands: what nearly every burst is. False: it needs sifting. Under the lock.
bool LaneThread::take_whole(const OfferBurst& burst) {
  if (why_shut() || stopping_) return false;
  const std::uint64_t opening = opening_.load(std::memory_order_relaxed);
  std::uint64_t bytes = planner_.bytes();
  for (const OfferBurst::Entry& entry : burst.entries) {
    if (entry.body_bytes > options_.record_bytes_max || (entry.opening != 0 && entry.opening != opening)) return false;
    bytes += cost(entry);
  }
  if (bytes > options_.queue_bytes_max) return false;
  const MonoMs now = parts_.clock.mono();
  for (const OfferBurst::Entry& entry : burst.entries) planner_.queued(cost(entry), now);
  return true;
}

void LaneThread::offer_all(OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room) {
  parts_.door.offered(options_.lane, burst.entries.size());
  const std::size_t refused_before = refused.size();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (no_room || !take_whole(burst)) burst = sift(burst, refused, no_room);
    if (!burst.entries.empty()) {
      queue_.push(burst);
      wake = must_wake();
    }
  }
  burst.clear();
  for (std::size_t i = refused_before; i < refused.size(); ++i) parts_.door.refused(options_.lane, refused[i].reason);
  if (wake) wake_.notify_one();
}

void LaneThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const GroupDecision decision = planner_.decide(parts_.clock.mono(), parts_.board.earlier_syncs(options_.lane));
    const bool take_now = decision.action == GroupAction::commit || (stopping_ && decision.records > 0);
    if (!take_now && stopping_) break;
    if (take_now) {
      take(decision.records);
      lock.unlock();
      write_group();
      lock.lock();
      queue_.recycle(group_);
    } else {
      wait_for_work(lock);
    }
    if (parts_.clock.mono() >= next_look_) {
      lock.unlock();
      look_around();
      lock.lock();
    }
  }
  lock.unlock();
  seal();
}

void LaneThread::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const MonoMs now = parts_.clock.mono();
  const GroupDecision decision = planner_.decide(now, parts_.board.earlier_syncs(options_.lane));
  if (decision.action == GroupAction::commit) return;
  MonoMs until = next_look_;
  if (decision.action == GroupAction::linger) until = std::min(until, decision.until);
  const std::int64_t pause_ms = std::max<std::int64_t>(until - now, 1);
  sleeps_ = decision.action == GroupAction::idle;
  wake_.wait_for(lock, std::chrono::milliseconds(pause_ms));
  sleeps_ = false;
}

void LaneThread::take(std::size_t records) {
  queue_.take(records, group_);
  planner_.taken(records, parts_.clock.mono());
}

Reason LaneThread::full(const char* bound) {
  full_.store(true, std::memory_order_release);
  parts_.metrics
      .counter("wayside_custody_full_total", kFullHelp, {{"lane", to_string(options_.lane)}, {"bound", bound}})
      .add();
  return Reason::SPOOL_FULL;
}

// Appended: `ok` until the sync has failed. Returned: why nothing behind it may be taken, if so.
std::optional<Reason> LaneThread::append(const OfferBurst::Entry& entry, ByteView bytes, WallMs now,
                                         Committed& answer) {
  const std::string_view cohort = as_text(bytes.first(entry.cohort_bytes));
  const ByteView body = bytes.subspan(entry.cohort_bytes);
  if (!parts_.space.claim(options_.lane, writer_->bytes_after(body.size()))) return answer.reason = full("total");
  switch (writer_->append(body, cohort, now, &answer.offset)) {
    case spool::AppendOutcome::appended: answer.ok = true; return std::nullopt;
    case spool::AppendOutcome::lane_full: return answer.reason = full("lane");
    case spool::AppendOutcome::record_too_large: answer.reason = Reason::PAYLOAD_TOO_LARGE; break;
  }
  return std::nullopt;
}

std::optional<Reason> LaneThread::append(const QueuedBurst& queued, WallMs now, std::optional<Reason> refused) {
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
void LaneThread::shut(Reason reason) {
  const std::size_t before = group_.size();
  {
    const std::lock_guard lock(mutex_);
    end_opening(reason);
    take(planner_.records());
  }
  for (std::size_t i = before; i < group_.size(); ++i) append(group_[i], {}, reason);
}

void LaneThread::write_group() {
  const WallMs now = parts_.clock.wall();
  answers_.clear();
  std::optional<Reason> refused;
  if (faulted_.load(std::memory_order_acquire)) refused = Reason::SPOOL_FAULT;
  for (const QueuedBurst& queued : group_) refused = append(queued, now, refused);
  if (refused) shut(*refused);
  if (writer_->appended() > writer_->synced()) commit(now);
  parts_.space.set(options_.lane, writer_->bytes());
  tell();
}

void LaneThread::commit(WallMs now) {
  const auto began = std::chrono::steady_clock::now();
  parts_.board.set(options_.lane, true);
  const Result<Offset> synced = writer_->commit(now);
  parts_.board.set(options_.lane, false);
  parts_.after_sync();
  commit_seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  if (synced.ok()) return;
  for (Committed& answer : answers_) {
    if (!answer.ok) continue;
    answer.ok = false;
    answer.reason = Reason::SPOOL_FAULT;
  }
  fault(synced.error().what);
  shut(Reason::SPOOL_FAULT);
}

void LaneThread::tell() {
  std::uint64_t committed = 0;
  for (const Committed& answer : answers_) {
    if (answer.ok) {
      ++committed;
    } else {
      parts_.door.refused(options_.lane, answer.reason);
    }
  }
  parts_.door.committed(options_.lane, committed);
  std::vector<std::vector<Committed>> by_thread(io_->threads());
  std::size_t at = 0;
  for (const QueuedBurst& queued : group_) {
    for (std::size_t left = queued.left(); left > 0; --left) {
      const Committed& answer = answers_[at++];
      if (queued.done) {
        queued.done(answer);
      } else {
        by_thread.at(answer.to.thread).push_back(answer);
      }
    }
  }
  for (std::uint32_t thread = 0; thread < by_thread.size(); ++thread) {
    if (!by_thread[thread].empty()) io_->post_all(thread, std::move(by_thread[thread]));
  }
}

void LaneThread::look_around() {
  const MonoMs now = parts_.clock.mono();
  if (!writable() && now >= next_probe_) probe();
  watch_->tick(*writer_, writable());
  parts_.space.set(options_.lane, writer_->bytes());
  // A full lane looks again at the settlement before its door opens: what came free decides.
  full_.store(false, std::memory_order_release);
  next_look_ = parts_.clock.mono() + options_.watch_ms;
}

void LaneThread::fault(const std::string& what) {
  faulted_.store(true, std::memory_order_release);
  probe_pause_ms_ = kProbePauseFirstMs;
  next_probe_ = parts_.clock.mono() + probe_pause_ms_;
  log::error("custody_fault", {{"lane", to_string(options_.lane)}, {"why", what}});
}

// Can the volume take what the next group may need of it? A segment grows by one step at a time.
Result<void> LaneThread::probe_volume() {
  Result<std::unique_ptr<DiskFile>> file = parts_.disk.open(options_.probe_path, OpenMode::read_write);
  if (!file.ok()) file = parts_.disk.open(options_.probe_path, OpenMode::create_new);
  if (!file.ok()) return std::move(file).error();
  Result<void> done = (*file)->fallocate(spool::kAllocateStepBytes);
  if (done.ok()) done = (*file)->pwrite(as_bytes("wayside"), 0);
  if (done.ok()) done = (*file)->fdatasync();
  const Result<void> given_back = (*file)->truncate(0);  // also of what was reserved before it failed
  return done.ok() ? given_back : done;
}

void LaneThread::probe() {
  if (probe_volume().ok()) {
    faulted_.store(false, std::memory_order_release);
    log::info("custody_recovered", {{"lane", to_string(options_.lane)}});
    return;
  }
  probe_pause_ms_ = std::min(probe_pause_ms_ * 2, kProbePauseMaxMs);
  next_probe_ = parts_.clock.mono() + probe_pause_ms_;
}

void LaneThread::seal() {
  const Result<void> sealed = writer_->seal();
  if (!sealed.ok()) log::warning("seal_failed", {{"lane", to_string(options_.lane)}, {"why", sealed.error().what}});
  watch_->tick(*writer_, writable());
}

}  // namespace wayside::broker
