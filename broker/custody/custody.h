// Custody: durable responsibility for what vehicles send (promise P1). Five lanes, five threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/custody/group/door_counts.h"
#include "broker/custody/lane_thread.h"
#include "broker/custody/space_watch.h"
#include "broker/ports.h"
#include "spool/spool.h"

namespace wayside::broker {

struct CustodyOptions {
  std::string spool_root;  // <state_dir>/spool
  std::string door_file;   // <state_dir>/door.counts
  std::int64_t commit_interval_ms = 5;
  std::uint64_t commit_bytes = 1U << 20U;               // of one group of command, ack, event
  std::uint64_t bulk_unsynced_bytes_max = 512U << 10U;  // of one group of state, bulk
  std::uint64_t queue_bytes_max = 16U << 20U;           // waiting, a lane
  std::uint64_t segment_bytes_max = 16U << 20U;
  std::uint64_t lane_cached_bytes_max = 64U << 20U;  // in the page cache, of a lane's sealed segments
  std::array<std::uint64_t, kLanes> lane_bytes_max{};
  std::uint32_t record_bytes_max = 1U << 20U;
  std::uint64_t total_bytes_max = 0;  // of all lanes together; 0: the sum of lane_bytes_max
  std::uint64_t urgent_reserve_bytes = 0;
  FillMark::Limits marks;
  std::uint64_t volume_reserve_bytes = 64U << 20U;
  std::string store_file;  // the command store and what it may take, for the check of the volume
  std::uint64_t store_bytes_max = 0;
  std::uint64_t closed_bytes_max = 0;  // of it, VolumeNeed::closed_bytes_max
  std::uint64_t branch = 0;            // spool::LaneOptions::branch of every lane
  bool sessions_keep = false;          // nothing is released before Keeper::sessions has spoken
};

// Owns     the spool volume (writer.lock), the lane threads, the counts at the door.
// Thread   offer and shed: any; start, stop, persist_door: one; the rest: any.
// Durable  committed records; door counts as of the last persist_door.
// Limits   queue_bytes_max a lane, lane_bytes_max a lane and total_bytes_max together, checked against the volume at
//          start. Whatever the other lanes hold, command and ack can grow to urgent_reserve_bytes.
class Custody final : public CustodyPort {
 public:
  // Opens and recovers every lane; what recovery found is logged and counted.
  static Result<std::unique_ptr<Custody>> open(Disk& disk, const Clock& clock, metrics::Registry& metrics,
                                               CustodyOptions options, const SpoolUuid& fresh);
  ~Custody() override;

  // `io` gets the answers; it outlives stop().
  void start(IoPort& io);
  // Shuts the doors, commits what is queued, seals the lanes, joins, persists the door counts.
  void stop();

  Outcome<void> offer(Offer offer) override;
  [[nodiscard]] std::uint64_t opening(Lane lane) const override { return lanes_[index_of(lane)]->opening(); }
  void offer_all(Lane lane, OfferBurst& burst, std::vector<Committed>& refused,
                 std::optional<Reason>& no_room) override {
    lanes_[index_of(lane)]->offer_all(burst, refused, no_room);
  }
  void keep_from(Lane lane, Offset offset, Keeper keeper) override {
    lanes_[index_of(lane)]->keep_from(offset, keeper);
  }
  void shed(Lane lane, Reason reason) override { door_.shed(lane, reason); }

  [[nodiscard]] bool writable() const;  // no lane has a disk fault
  [[nodiscard]] const spool::Volume& volume() const { return volume_; }
  [[nodiscard]] LaneLedger ledger(Lane lane) const { return lanes_[index_of(lane)]->ledger(); }
  [[nodiscard]] LaneDoor door(Lane lane) const { return door_.lane(lane); }
  Result<void> persist_door();
  // Looks at what the lanes hold and the volume has left: marks, alarms. Once a second.
  void watch_space();
  // Counts at the door as metrics: wayside_door_records_total{lane,outcome,reason}.
  void publish_door();

 private:
  Custody(Disk& disk, const Clock& clock, metrics::Registry& metrics, CustodyOptions options);
  Result<void> open_lanes();
  Result<void> open_lane(Lane lane);
  [[nodiscard]] SpaceBoard::Limits space_limits() const;
  [[nodiscard]] std::uint64_t lane_bytes() const;  // that they hold
  [[nodiscard]] VolumeNeed need() const;
  Result<void> check_space();
  void adopt_door();
  void report(Lane lane, const spool::Recovery& recovery);
  [[nodiscard]] GroupPlanner::Limits group_limits(Lane lane) const;
  void count_door(Lane lane, const char* outcome, const std::string& reason, std::uint64_t total);

  Disk& disk_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  const CustodyOptions options_;
  spool::Volume volume_;
  DoorCounts door_;
  SyncBoard board_;
  SpaceBoard space_;
  std::array<std::unique_ptr<LaneThread>, kLanes> lanes_;
  std::optional<SpaceWatch> space_watch_;
};

}  // namespace wayside::broker
