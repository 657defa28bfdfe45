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

std::uint64_t LaneThread::cost(const Offer& offer) {
  return spool::framed_bytes(offer.body.size()) + offer.cohort.size() + sizeof(Offer);
}

Outcome<void> LaneThread::offer(Offer offer) {
  parts_.door.offered(options_.lane);
  const auto refuse = [&](Reason reason) {
    parts_.door.refused(options_.lane, reason);
    return Outcome<void>(reason);
  };
  if (offer.body.size() > options_.record_bytes_max) return refuse(Reason::PAYLOAD_TOO_LARGE);
  if (faulted_.load(std::memory_order_acquire)) return refuse(Reason::SPOOL_FAULT);
  if (full_.load(std::memory_order_acquire)) return refuse(Reason::SPOOL_FULL);
  const std::uint64_t bytes = cost(offer);
  {
    const std::lock_guard lock(mutex_);
    if (offer.opening != 0 && offer.opening != opening_.load(std::memory_order_relaxed)) return refuse(shut_reason_);
    if (stopping_ || planner_.bytes() + bytes > options_.queue_bytes_max) return refuse(Reason::QUEUE_FULL);
    planner_.queued(bytes, parts_.clock.mono());
    queue_.push_back(std::move(offer));
  }
  wake_.notify_one();
  return {};
}

void LaneThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const GroupDecision decision = planner_.decide(parts_.clock.mono(), parts_.board.earlier_syncs(options_.lane));
    const bool take_now = decision.action == GroupAction::commit || (stopping_ && decision.records > 0);
    if (!take_now && stopping_) break;
    if (take_now) {
      std::vector<Answer> group;
      take(decision.records, group);
      lock.unlock();
      write_group(group);
      lock.lock();
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
  wake_.wait_for(lock, std::chrono::milliseconds(pause_ms));
}

void LaneThread::take(std::size_t records, std::vector<Answer>& group) {
  group.reserve(group.size() + records);
  for (std::size_t i = 0; i < records; ++i) {
    Answer& answer = group.emplace_back();
    answer.offer = std::move(queue_.front());
    queue_.pop_front();
    answer.committed.to = answer.offer.to;
    answer.committed.token = answer.offer.token;
    answer.committed.lane = options_.lane;
  }
  planner_.taken(records);
}

Reason LaneThread::full(const char* bound) {
  full_.store(true, std::memory_order_release);
  parts_.metrics
      .counter("wayside_custody_full_total", kFullHelp, {{"lane", to_string(options_.lane)}, {"bound", bound}})
      .add();
  return Reason::SPOOL_FULL;
}

spool::AppendOutcome LaneThread::write(Answer& answer) {
  const Offer& offer = answer.offer;
  return writer_->append(offer.body, offer.cohort, parts_.clock.wall(), &answer.committed.offset);
}

// Why nothing behind it may be taken, if so.
std::optional<Reason> LaneThread::append(Answer& answer) {
  Reason& reason = answer.committed.reason;
  if (!parts_.space.claim(options_.lane, writer_->bytes_after(answer.offer.body.size()))) return reason = full("total");
  switch (write(answer)) {
    case spool::AppendOutcome::appended: answer.appended = true; return std::nullopt;
    case spool::AppendOutcome::lane_full: return reason = full("lane");
    case spool::AppendOutcome::record_too_large: reason = Reason::PAYLOAD_TOO_LARGE; break;
  }
  return std::nullopt;
}

// Ends this opening of the door: what is queued joins the group and is refused with it.
void LaneThread::shut(Reason reason, std::vector<Answer>& group) {
  const std::size_t before = group.size();
  {
    const std::lock_guard lock(mutex_);
    shut_reason_ = reason;
    opening_.fetch_add(1, std::memory_order_acq_rel);
    take(queue_.size(), group);
  }
  for (Answer& answer : std::span(group).subspan(before)) answer.committed.reason = reason;
}

void LaneThread::write_group(std::vector<Answer>& group) {
  const bool faulted = faulted_.load(std::memory_order_acquire);
  std::optional<Reason> refused;
  if (faulted) refused = Reason::SPOOL_FAULT;
  for (Answer& answer : group) {
    if (refused) {
      answer.committed.reason = *refused;
    } else {
      refused = append(answer);
    }
  }
  if (refused) shut(*refused, group);
  if (writer_->appended() > writer_->synced()) commit(group);
  parts_.space.set(options_.lane, writer_->bytes());
  tell(group);
}

void LaneThread::commit(std::vector<Answer>& group) {
  const auto began = std::chrono::steady_clock::now();
  parts_.board.set(options_.lane, true);
  const Result<Offset> synced = writer_->commit(parts_.clock.wall());
  parts_.board.set(options_.lane, false);
  parts_.after_sync();
  commit_seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  for (Answer& answer : group) {
    if (!answer.appended) continue;
    answer.committed.ok = synced.ok();
    if (!synced.ok()) answer.committed.reason = Reason::SPOOL_FAULT;
  }
  if (synced.ok()) return;
  fault(synced.error().what);
  shut(Reason::SPOOL_FAULT, group);
}

void LaneThread::tell(std::vector<Answer>& group) {
  std::uint64_t committed = 0;
  for (const Answer& answer : group) {
    if (answer.committed.ok) {
      ++committed;
    } else {
      parts_.door.refused(options_.lane, answer.committed.reason);
    }
  }
  parts_.door.committed(options_.lane, committed);
  for (Answer& answer : group) {
    if (answer.offer.done) {
      answer.offer.done(answer.committed);
    } else {
      io_->post(answer.committed);
    }
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
