#include "broker/custody/lane_thread.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "broker/custody/volume_probe.h"
#include "common/log/log.h"

namespace wayside::broker {
namespace {

constexpr const char* kFullHelp = "How often the door of the lane shut for want of room, by the bound that was met.";
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
                                               kCommitBuckets, {{"lane", to_string(options_.desk.lane)}})),
      desk_(options_.desk, *writer_, parts_.door, parts_.space, *this) {
  watch_->tick(*writer_, true);
  desk_.looked();
}

LaneThread::~LaneThread() { stop(); }

void LaneThread::start(IoPort& io) {
  io_ = &io;
  thread_ = std::thread([this] { run(); });
}

void LaneThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    desk_.stop();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// Under the lock. One that lingers looks by itself when its time is over.
bool LaneThread::must_wake() {
  const bool wake = sleeps_ || desk_.group_full();
  sleeps_ = false;
  return wake;
}

Outcome<void> LaneThread::offer(Offer offer) {
  if (const std::optional<Reason> reason = desk_.refuses(offer.body.size())) return *reason;
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (Outcome<void> taken = desk_.take(offer, mono()); !taken.ok()) return taken;
    wake = must_wake();
  }
  if (wake) wake_.notify_one();
  return {};
}

void LaneThread::offer_all(OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room) {
  parts_.door.offered(options_.desk.lane, burst.entries.size());
  const std::size_t refused_before = refused.size();
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = desk_.take_all(burst, refused, no_room, mono()) && must_wake();
  }
  burst.clear();
  for (std::size_t i = refused_before; i < refused.size(); ++i) {
    parts_.door.refused(options_.desk.lane, refused[i].reason);
  }
  if (wake) wake_.notify_one();
}

void LaneThread::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    const GroupDecision decision = desk_.decide(mono(), parts_.board.earlier_syncs(options_.desk.lane));
    const bool take_now = decision.action == GroupAction::commit || (desk_.stopping() && decision.records > 0);
    if (!take_now && desk_.stopping()) break;
    if (take_now) {
      desk_.begin(decision.records, mono());
      lock.unlock();
      desk_.write(parts_.clock.wall());
      tell();
      lock.lock();
      desk_.end();
    } else {
      wait_for_work(lock);
    }
    if (mono() >= next_look_) {
      lock.unlock();
      look_around();
      lock.lock();
    }
  }
  lock.unlock();
  seal();
}

void LaneThread::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const MonoMs now = mono();
  const GroupDecision decision = desk_.decide(now, parts_.board.earlier_syncs(options_.desk.lane));
  if (decision.action == GroupAction::commit) return;
  MonoMs until = next_look_;
  if (decision.action == GroupAction::linger) until = std::min(until, decision.until);
  const std::int64_t pause_ms = std::max<std::int64_t>(until - now, 1);
  sleeps_ = decision.action == GroupAction::idle;
  lingers_.store(!sleeps_, std::memory_order_release);
  wake_.wait_for(lock, std::chrono::milliseconds(pause_ms));
  sleeps_ = false;
}

Result<Offset> LaneThread::commit(WallMs now) {
  const auto began = std::chrono::steady_clock::now();
  parts_.board.set(options_.desk.lane, true);
  Result<Offset> synced = writer_->commit(now);
  parts_.board.set(options_.desk.lane, false);
  parts_.after_sync();
  commit_seconds_.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count());
  return synced;
}

void LaneThread::at_door(const std::function<void()>& change) {
  const std::lock_guard lock(mutex_);
  change();
}

void LaneThread::met(SpaceBound bound) {
  const char* name = bound == SpaceBound::lane ? "lane" : "total";
  parts_.metrics
      .counter("wayside_custody_full_total", kFullHelp, {{"lane", to_string(options_.desk.lane)}, {"bound", name}})
      .add();
}

void LaneThread::failed(const std::string& why) {
  log::error("custody_fault", {{"lane", to_string(options_.desk.lane)}, {"why", why}});
}

void LaneThread::tell() {
  std::vector<std::vector<Committed>> by_thread(io_->threads());
  desk_.answers([&](const QueuedBurst& queued, const Committed& answer) {
    if (queued.done) {
      queued.done(answer);
    } else {
      by_thread.at(answer.to.thread).push_back(answer);
    }
  });
  for (std::uint32_t thread = 0; thread < by_thread.size(); ++thread) {
    if (!by_thread[thread].empty()) io_->post_all(thread, std::move(by_thread[thread]));
  }
}

void LaneThread::look_around() {
  if (desk_.probe_due(mono())) probe();
  watch_->tick(*writer_, writable());
  desk_.looked();
  next_look_ = mono() + options_.watch_ms;
}

void LaneThread::probe() {
  const bool works = probe_volume(parts_.disk, options_.probe_path).ok();
  desk_.probed(works, mono());
  if (works) log::info("custody_recovered", {{"lane", to_string(options_.desk.lane)}});
}

void LaneThread::seal() {
  const Result<void> sealed = writer_->seal();
  if (!sealed.ok())
    log::warning("seal_failed", {{"lane", to_string(options_.desk.lane)}, {"why", sealed.error().what}});
  watch_->tick(*writer_, writable());
}

}  // namespace wayside::broker
