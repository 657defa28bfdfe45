// One lane's thread: works at the lane's desk, whose decisions are LaneDesk's.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/custody/group/lane_desk.h"
#include "broker/custody/lane_watch.h"
#include "broker/ports.h"
#include "common/clock.h"
#include "common/disk.h"
#include "common/metrics/metrics.h"
#include "spool/lane.h"

namespace wayside::broker {

// Which lanes are inside a sync. Thread: any.
class SyncBoard {
 public:
  void set(Lane lane, bool syncing) { syncing_[index_of(lane)].store(syncing, std::memory_order_release); }
  // A lane that is served before `lane` is inside a sync.
  [[nodiscard]] bool earlier_syncs(Lane lane) const {
    for (std::size_t i = 0; i < index_of(lane); ++i) {
      if (syncing_[i].load(std::memory_order_acquire)) return true;
    }
    return false;
  }

 private:
  std::array<std::atomic<bool>, kLanes> syncing_{};
};

// Owns     the lane's writer, desk and thread.
// Thread   offer: any, under a lock that is the desk's door; everything else inside is the lane's own thread.
// Durable  a Committed{ok} is posted only after the group's fdatasync.
// Limits   the desk's.
//
// After a disk fault the thread reserves, writes and syncs a probe file on the spool's volume, with a growing pause,
// until that works.
class LaneThread final : private DeskPort {
 public:
  struct Options {
    LaneDesk::Options desk;
    std::int64_t watch_ms = 250;
    std::string probe_path;
  };
  struct Parts {
    Disk& disk;
    const Clock& clock;
    metrics::Registry& metrics;
    DoorCounts& door;
    SyncBoard& board;
    SpaceBoard& space;
    std::function<void()> after_sync;  // later lanes may go on
  };
  LaneThread(Options options, Parts parts, std::unique_ptr<spool::LaneWriter> writer, std::unique_ptr<LaneWatch> watch);
  ~LaneThread() override;

  // `io` gets the answers of offers without `done`; it outlives stop().
  void start(IoPort& io);
  // Shuts the door, commits what is queued, seals the lane, joins.
  void stop();
  Outcome<void> offer(Offer offer);
  [[nodiscard]] std::uint64_t opening() const { return desk_.opening(); }
  void offer_all(OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room);
  void keep_from(Offset offset, Keeper keeper) { watch_->keep_from(offset, keeper); }
  // An earlier lane's sync is over: who waited for that looks again. Others sleep on.
  void nudge() {
    if (lingers_.load(std::memory_order_acquire)) wake_.notify_one();
  }

  [[nodiscard]] bool writable() const { return !desk_.faulted(); }
  [[nodiscard]] LaneLedger ledger() const { return watch_->ledger(); }

 private:
  [[nodiscard]] MonoMs mono() const override { return parts_.clock.mono(); }
  Result<Offset> commit(WallMs now) override;
  void at_door(const std::function<void()>& change) override;
  void met(SpaceBound bound) override;
  void failed(const std::string& why) override;

  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void tell();
  [[nodiscard]] bool must_wake();
  void look_around();
  void probe();
  void seal();

  const Options options_;
  const Parts parts_;
  IoPort* io_ = nullptr;
  std::unique_ptr<spool::LaneWriter> writer_;
  std::unique_ptr<LaneWatch> watch_;
  metrics::Histogram& commit_seconds_;

  std::mutex mutex_;  // of the desk's door
  std::condition_variable wake_;
  LaneDesk desk_;
  std::atomic<bool> lingers_{false};
  bool sleeps_ = false;  // until something comes; while it lingers only a full group wakes it

  MonoMs next_look_{};
  std::thread thread_;
};

}  // namespace wayside::broker
