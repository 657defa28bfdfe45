// Which branches (spool::Branch) the records of a lane are of that the core accepted: where a volume that went back in
// time has parted from what is here. Values, and the file they are durable in.
//
//   <core log>/branches/<uuid>.trail   "WSTRAIL1" · u32 version (1) · 5 x (u16 n · n x (u64 offset · u64 id)) · u64
//   checksum
//
// A trail may be shorter than the log, never wrong about what it says: where it is lost, or an edge does not tell, less
// is known and some records may be asked for again; none is taken for one that is here.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "bridge/link/messages.h"
#include "common/disk.h"
#include "spool/lane.h"

namespace wayside::bridge::core {

// Rising offsets; the first is where knowledge begins, nothing where there is none.
using Trail = std::vector<spool::Branch>;
inline constexpr std::size_t kTrailMax = 256;  // of a lane; the oldest go

// A batch that begins at `first`, which is where the lane stands, is of these branches. Empty: it does not tell.
Trail continued(Trail trail, Offset first, const std::vector<spool::Branch>& told);

struct Common {
  Offset offset{};
  bool exact = false;  // false: at least to there
  bool operator==(const Common&) const = default;
};
// How far a lane that stands at `next` here is what the closing volume holds.
Common common_of(const Trail& trail, Offset next, const link::LaneHead& head);

// Owns     the trails of the spools that were seen since the start.
// Thread   one, the core machine's.
// Durable  what continue_lane returned ok for.
// Limits   kTrailMax a lane.
class BranchTrails {
 public:
  BranchTrails(Disk& disk, const std::string& core_log) : disk_(disk), root_(core_log), dir_(core_log + "/branches") {}

  // Before the batch is accepted. Written where it changes something: once for each start of a broker.
  Result<void> continue_lane(const SpoolUuid& uuid, Lane lane, Offset first, const std::vector<spool::Branch>& told);
  Result<Trail> of(const SpoolUuid& uuid, Lane lane);

 private:
  using Trails = std::array<Trail, kLanes>;
  Result<Trails*> load(const SpoolUuid& uuid);

  Disk& disk_;
  const std::string root_;
  const std::string dir_;
  std::map<SpoolUuid, Trails> trails_;
};

}  // namespace wayside::bridge::core
