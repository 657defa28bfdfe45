// What a lane's files say after a stop of any kind, and the repair that makes it so for the next writer.
// docs/spool-format.md "Recovery" has the rules and why they are these.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/disk.h"
#include "spool/codec.h"
#include "spool/lane.h"
#include "spool/segment_file.h"

namespace wayside::spool {

struct SegmentSize {
  Offset base{};
  std::uint64_t bytes = 0;
};

// Where the next record goes and what came before it.
struct LaneState {
  Offset head{};
  Digest digest;
  DigestSource source = DigestSource::stored;  // of the digest; made up where damage leaves none
  Received received;
  std::vector<SegmentSize> segments;  // sealed, ascending
  bool rot = false;                   // the damage must be fenced by a new segment at `head`
};

// What others are known to hold: rot below it is never a torn tail.
struct Evidence {
  Offset synced_page{};
  Offset known_next{};
  std::optional<Digest> known_digest;  // before known_next
};

// Reads the last segment only (its footer, if it was sealed), keeps what is intact or proven, cuts what is torn,
// and seals. On return everything kept is synced.
Result<LaneState> recover_lane(Disk& disk, const std::string& dir, const Identity& identity, const Evidence& evidence,
                               Recovery& report);

// Received totals at the end of the groups below `limit` of segment `index`.
Result<Received> received_at(Disk& disk, const std::string& dir, const Identity& identity,
                             const std::vector<Offset>& bases, std::size_t index, Offset limit);

// Offsets whose group header is gone cannot be counted by cohort: they count as "other", so that the sum over
// cohorts stays equal to the head.
void reconcile(Received& received, Offset head);

}  // namespace wayside::spool
