// A lane between its door and its writer: what is taken, what is written together, what each record is answered.
#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "broker/custody/group/door_counts.h"
#include "broker/custody/group/group_planner.h"
#include "broker/custody/group/offer_queue.h"
#include "broker/custody/group/space_board.h"
#include "broker/ports.h"
#include "spool/lane.h"

namespace wayside::broker {

enum class SpaceBound : std::uint8_t { lane, total };

// What the desk needs of who works at it. None of it is called once a record.
class DeskPort {
 public:
  virtual ~DeskPort() = default;
  [[nodiscard]] virtual MonoMs mono() const = 0;
  // Commits what was appended.
  virtual Result<Offset> commit(WallMs now) = 0;
  // Runs `change` as the door's calls are run: none of them at the same time.
  virtual void at_door(const std::function<void()>& change) = 0;
  // The door shuts.
  virtual void met(SpaceBound bound) = 0;
  virtual void failed(const std::string& why) = 0;
};

// Owns     the lane's queue, the group that is being written and its answers; not the writer.
// Thread   the door's calls: any, one at a time (a lock of who owns the desk); `refuses`, `opening` and `faulted`: any;
//          the others: one, the lane's.
// Durable  an answer is ok only after commit() of its group was.
// Limits   queue_bytes_max waiting (QUEUE_FULL beyond), the planner's group, the writer's lane_bytes_max
//          and the space board's total (SPOOL_FULL: the door stays shut until the next look at the settlement).
//
// A record that finds no room takes with it whoever is queued behind it, and whoever comes with the opening of the
// door that ended with it: none of a connection overtakes another.
// After a disk fault the door is shut with SPOOL_FAULT until a probe of the volume works, with a growing pause.
class LaneDesk {
 public:
  struct Options {
    Lane lane{};
    std::uint64_t queue_bytes_max = 16U << 20U;
    std::uint32_t record_bytes_max = 1U << 20U;
    GroupPlanner::Limits group;
  };
  LaneDesk(Options options, spool::LaneWriter& writer, DoorCounts& door, SpaceBoard& space, DeskPort& port)
      : options_(options), writer_(writer), door_(door), space_(space), port_(port), planner_(options.group) {}

  // --- any thread
  // Counts the offer. Why it comes in no case; nullopt: take() says.
  std::optional<Reason> refuses(std::size_t body_bytes);
  [[nodiscard]] std::uint64_t opening() const { return opening_.load(std::memory_order_acquire); }
  [[nodiscard]] bool faulted() const { return faulted_.load(std::memory_order_acquire); }

  // --- the door
  Outcome<void> take(Offer& offer, MonoMs now);
  // As CustodyPort::offer_all. False: nothing of it was queued.
  bool take_all(OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room, MonoMs now);
  [[nodiscard]] GroupDecision decide(MonoMs now, bool earlier_lane_syncs) const {
    return planner_.decide(now, earlier_lane_syncs);
  }
  // The first `records` of the queue are the group to write.
  void begin(std::size_t records, MonoMs now);
  // The group is answered.
  void end() { queue_.recycle(group_); }
  void stop() { stopping_ = true; }
  [[nodiscard]] bool stopping() const { return stopping_; }
  [[nodiscard]] bool group_full() const { return planner_.full(); }
  [[nodiscard]] std::size_t queued() const { return planner_.records(); }

  // --- the lane
  void write(WallMs now);
  // Each record of the group with its answer, in order.
  template <class Tell>
  void answers(Tell tell) const {
    std::size_t at = 0;
    for (const QueuedBurst& queued : group_) {
      for (std::size_t left = queued.left(); left > 0; --left) tell(queued, answers_[at++]);
    }
  }
  [[nodiscard]] bool probe_due(MonoMs now) const { return faulted() && now >= next_probe_; }
  void probed(bool works, MonoMs now);
  // The settlement was looked at. A full lane's door opens: what came free decides.
  void looked();

 private:
  [[nodiscard]] std::optional<Reason> why_shut() const;
  [[nodiscard]] std::optional<Reason> take_in(const OfferBurst::Entry& entry, MonoMs now);
  [[nodiscard]] bool take_whole(const OfferBurst& burst, MonoMs now);
  OfferBurst sift(const OfferBurst& burst, std::vector<Committed>& refused, std::optional<Reason>& no_room, MonoMs now);
  void end_opening(Reason reason);
  static std::uint64_t cost(const OfferBurst::Entry& entry);
  std::optional<Reason> append(const QueuedBurst& queued, WallMs now, std::optional<Reason> refused);
  std::optional<Reason> append(const OfferBurst::Entry& entry, ByteView bytes, WallMs now, Committed& answer);
  Reason full(SpaceBound bound);
  void shut(Reason reason);
  void commit(WallMs now);
  void count_answers();

  const Options options_;
  spool::LaneWriter& writer_;
  DoorCounts& door_;
  SpaceBoard& space_;
  DeskPort& port_;

  OfferQueue queue_;  // these five are the door's
  GroupPlanner planner_;
  bool stopping_ = false;
  std::atomic<std::uint64_t> opening_{1};
  Reason shut_reason_{};

  std::vector<QueuedBurst> group_;  // that is being written, and its answers in order
  std::vector<Committed> answers_;

  std::atomic<bool> full_{false};
  std::atomic<bool> faulted_{false};
  MonoMs next_probe_{};
  std::int64_t probe_pause_ms_ = 0;
};

}  // namespace wayside::broker
