// A broker's custody in one thread: the product's desks, writers and watches on a simulated disk; LaneThread without
// the thread. And who settles, as `bridge edge` does.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "broker/custody/group/lane_desk.h"
#include "broker/custody/lane_watch.h"
#include "common/clock.h"
#include "spool/spool.h"
#include "tests/simulation/custody_account.h"
#include "tests/simulation/custody_world.h"

namespace wayside::test {

// As the configuration allows it, small: a lane holds two segments or more, all of them the reserve and six.
struct CustodySizes {
  std::uint64_t segment_bytes_max = 128U << 10U;
  std::uint64_t lane_bytes_max = 384U << 10U;
  std::uint64_t total_bytes_max = 1'000U << 10U;
  std::uint64_t urgent_reserve_bytes = 200U << 10U;
  std::uint64_t queue_bytes_max = 120U << 10U;
  std::uint64_t group_bytes_max = 48U << 10U;
};

// What the processes of one history share.
struct CustodyStage {
  SimDisk& disk;
  ManualClock& clock;
  CustodyAccount& account;
  broker::DoorCounts& door;
  CustodySizes sizes;
  CustodyBug bug = CustodyBug::none;
};

// One lane. Commits what the desk says; a planted bug sits between the two.
class SimLane final : public broker::DeskPort {
 public:
  static Result<std::unique_ptr<SimLane>> open(const CustodyStage& stage, broker::SpaceBoard& space,
                                               metrics::Registry& metrics, const spool::Volume& volume, Lane lane);
  ~SimLane() override;
  using Answered = std::function<void(const broker::QueuedBurst&, const broker::Committed&)>;
  // Writes the next group if it is time, or whatever is queued when `all`. False: nothing was written.
  bool work(bool earlier_lane_syncs, bool all, const Answered& answered);
  void look_around();
  Outcome<void> offer(broker::Offer offer);
  void offer_all(broker::OfferBurst& burst, std::vector<broker::Committed>& refused);
  // Nothing is taken any more; seal() when all is written.
  void stop() { desk_->stop(); }
  void seal() { (void)writer_->seal(); }
  [[nodiscard]] broker::LaneDesk& desk() { return *desk_; }
  [[nodiscard]] broker::LaneWatch& watch() const { return *watch_; }
  [[nodiscard]] const spool::LaneWriter& writer() const { return *writer_; }
  void count(CustodyCounts& counts) const {
    counts.full += full_;
    counts.faults += faults_;
  }

 private:
  SimLane(const CustodyStage& stage, Lane lane) : stage_(stage), lane_(lane) {}
  [[nodiscard]] MonoMs mono() const override { return stage_.clock.mono(); }
  Result<Offset> commit(WallMs now) override;
  void at_door(const std::function<void()>& change) override { change(); }
  void met(broker::SpaceBound /*bound*/) override { ++full_; }
  void failed(const std::string& /*why*/) override { ++faults_; }

  const CustodyStage& stage_;
  const Lane lane_;
  std::string probe_path_;
  std::unique_ptr<spool::LaneWriter> writer_;
  std::unique_ptr<broker::LaneWatch> watch_;
  std::unique_ptr<broker::LaneDesk> desk_;
  std::uint64_t commits_ = 0;
  std::uint64_t full_ = 0;
  std::uint64_t faults_ = 0;
};

class SimCustody {
 public:
  static Result<std::unique_ptr<SimCustody>> open(const CustodyStage& stage);
  [[nodiscard]] SimLane& lane(Lane which) const { return *lanes_[index_of(which)]; }
  [[nodiscard]] const spool::Volume& volume() const { return volume_; }
  // Empty, or which bound is broken, or which count does not add up.
  [[nodiscard]] std::string problem(bool writing) const;

 private:
  explicit SimCustody(const CustodyStage& stage)
      : stage_(stage), space_({stage.sizes.total_bytes_max, stage.sizes.urgent_reserve_bytes}) {}
  const CustodyStage& stage_;
  std::unique_ptr<metrics::Registry> metrics_ = metrics::Registry::create();
  broker::SpaceBoard space_;
  spool::Volume volume_;
  std::array<std::unique_ptr<SimLane>, kLanes> lanes_;
};

// The core takes up to so many further records of the lane, and its standing is settled. Why not; empty: it is. A core
// remembers what it took, whatever becomes of the settlement.
std::string settle(SimDisk& disk, const spool::Volume& volume, Lane lane, std::size_t records, spool::Standing& core);

}  // namespace wayside::test
