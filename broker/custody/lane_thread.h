// One lane's thread: its queue, its group commits, its answers.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "broker/custody/door_counts.h"
#include "broker/custody/group/group_planner.h"
#include "broker/custody/lane_watch.h"
#include "broker/custody/offer_queue.h"
#include "broker/custody/space_board.h"
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

// Owns     the lane's writer, queue and thread.
// Thread   offer: any; everything else inside is the lane's own thread.
// Durable  a Committed{ok} is posted only after the group's fdatasync.
// Limits   queue_bytes_max waiting (QUEUE_FULL beyond), the planner's group, the writer's lane_bytes_max
//          and the space board's total (SPOOL_FULL: the door stays shut until the next look at the settlement).
//
// A record that finds no room takes with it whoever is queued behind it, and whoever comes with the opening of the
// door that ended with it: none of a connection overtakes another.
// After a disk fault the door is shut with SPOOL_FAULT; the thread reserves, writes and syncs a probe file on
// the spool's volume, with a growing pause, until that works, and opens the door again.
class LaneThread {
 public:
  struct Options {
    Lane lane{};
    std::uint64_t queue_bytes_max = 16U << 20U;
    std::uint32_t record_bytes_max = 1U << 20U;
    GroupPlanner::Limits group;
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
  ~LaneThread();

  // `io` gets the answers of offers without `done`; it outlives stop().
  void start(IoPort& io);
  // Shuts the door, commits what is queued, seals the lane, joins.
  void stop();
  Outcome<void> offer(Offer offer);
  [[nodiscard]] std::uint64_t opening() const { return opening_.load(std::memory_order_acquire); }
  void offer_all(OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room);
  void keep_from(Offset offset, Keeper keeper) { watch_->keep_from(offset, keeper); }
  void nudge() { wake_.notify_one(); }

  [[nodiscard]] bool writable() const { return !faulted_.load(std::memory_order_acquire); }
  [[nodiscard]] LaneLedger ledger() const { return watch_->ledger(); }

 private:
  void run();
  void wait_for_work(std::unique_lock<std::mutex>& lock);
  void take(std::size_t records);
  void write_group();
  std::optional<Reason> append(const QueuedBurst& queued, WallMs now, std::optional<Reason> refused);
  std::optional<Reason> append(const OfferBurst::Entry& entry, ByteView bytes, WallMs now, Committed& answer);
  Reason full(const char* bound);
  void shut(Reason reason);
  void commit(WallMs now);
  void tell();
  [[nodiscard]] std::optional<Reason> why_shut() const;
  [[nodiscard]] std::optional<Reason> take_in(const OfferBurst::Entry& entry, MonoMs now);
  [[nodiscard]] bool take_whole(const OfferBurst& burst);
  OfferBurst sift(const OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room);
  void end_opening(Reason reason);
  [[nodiscard]] bool must_wake();
  static std::uint64_t cost(const OfferBurst::Entry& entry);
  void look_around();
  void fault(const std::string& what);
  void probe();
  Result<void> probe_volume();
  void seal();

  const Options options_;
  const Parts parts_;
  IoPort* io_ = nullptr;
  std::unique_ptr<spool::LaneWriter> writer_;
  std::unique_ptr<LaneWatch> watch_;
  metrics::Histogram& commit_seconds_;

  std::mutex mutex_;
  std::condition_variable wake_;
  OfferQueue queue_;  // these six are changed under mutex_
  GroupPlanner planner_;
  bool stopping_ = false;
  bool sleeps_ = false;  // until something comes; while it lingers only a full group wakes it
  std::atomic<std::uint64_t> opening_{1};
  Reason shut_reason_{};

  std::vector<QueuedBurst> group_;  // that is being written, and its answers in order
  std::vector<Committed> answers_;

  std::atomic<bool> full_{false};
  std::atomic<bool> faulted_{false};
  MonoMs next_look_{};
  MonoMs next_probe_{};
  std::int64_t probe_pause_ms_ = 0;
  std::thread thread_;
};

}  // namespace wayside::broker
