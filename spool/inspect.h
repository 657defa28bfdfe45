// Looking at a lane beside (or without) the processes that own it. Nothing here writes: give it a DryDisk.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/disk.h"
#include "spool/codec.h"
#include "spool/lane.h"
#include "spool/segment_file.h"

namespace wayside::spool {

// One segment as its header, its footer and its newest group tell it; records are not read.
struct SegmentInfo {
  Offset base{};
  Offset end{};             // behind the last intact group, at most where the next segment begins
  std::uint64_t bytes = 0;  // of the file
  bool sealed = false;
  bool header_intact = false;
  std::optional<WallMs> first;  // commit time of the first group, if it is intact
  std::optional<WallMs> last;   // and of the last
};
Result<std::vector<SegmentInfo>> list_lane(Disk& disk, const std::string& lane_dir, const Identity& identity);

// What was found of a record that no reader will ever give out.
struct Salvage {
  Offset offset{};
  WallMs time{};
  ByteView body;        // valid during the call
  bool proven = false;  // its checksum holds, only the way to it is damaged
};

// Something that is not as it was written.
struct Damage {
  std::string path;
  std::string what;
  // Offsets that are gone: [first, end). Equal: nothing is gone, but evidence is.
  Offset first{};
  Offset end{};
  std::uint64_t at = 0;          // where in the file it lies
  std::uint64_t bytes = 0;       // and over how many bytes
  std::optional<WallMs> after;   // time of the last intact record before it in this lane
  std::optional<WallMs> before;  // and of the first one behind it
};

struct LaneVerdict {
  Offset oldest{};
  Offset synced{};
  Offset settled{};
  std::uint64_t segments = 0;
  std::uint64_t records = 0;  // intact
  std::uint64_t lost = 0;     // offsets that are gone
  std::uint64_t bytes = 0;    // of the files read
  Digest digest;              // at synced
  std::vector<Damage> damages;
  std::uint64_t damages_left_out = 0;  // beyond VerifyOptions::kDamagesMax
  [[nodiscard]] bool intact() const { return damages.empty(); }
};

struct VerifyOptions {
  static constexpr std::size_t kDamagesMax = 1000;
  std::function<void(const Salvage&)> on_salvage;        // for what can still be read of the offsets of a damage
  std::function<void(std::uint64_t bytes)> on_progress;  // of this lane so far, once a few MiB
};

// Reads every segment, group and record from the oldest up to synced, the settlement log and both pages: checksums,
// the chain digest, footers, totals. A segment that retention deletes meanwhile is no damage. An error is a disk
// that does not read, or a lane of another spool.
Result<LaneVerdict> verify_lane(Disk& disk, const std::string& lane_dir, const Identity& identity,
                                const VerifyOptions& options);

// Looks for records of `identity` with offsets in [first, end) in the bytes [from, to) of a file, whatever stands
// around them.
Result<void> salvage(FileWindow& file, const Identity& identity, std::uint64_t from, std::uint64_t to, Offset first,
                     Offset end, const std::function<void(const Salvage&)>& found);

// What LaneWriter::open would do at this moment, and does not.
struct DryRun {
  Recovery recovery;
  std::vector<std::string> changes;
  bool moving = false;  // the lane's writer is at work: each look found a newer head
};
// Evidence from the lane's own settlement log, as the broker takes it. The disk below is only read.
Result<DryRun> dry_recover(Disk& disk, const std::string& lane_dir, const Identity& identity);

}  // namespace wayside::spool
