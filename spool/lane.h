// The lane: one append-only segmented log of opaque records with dense offsets (design section 5).
// docs/spool-format.md has the grammar; spool/format.h the constants.
//
// Three offsets, asserted: settled <= synced <= appended. Readers never see at or past synced.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"
#include "spool/chain.h"
#include "spool/settlement.h"

namespace wayside::spool {

struct LaneOptions {
  std::string dir;  // <spool>/<lane>, absolute
  Lane lane = Lane::state;
  SpoolUuid uuid;
  std::uint64_t segment_bytes_max = 64U << 20U;
  // Live segments together, to the byte, footers and whatever a fault adds included; append beyond it is `full`. Not in
  // it is what an open segment reserves ahead.
  std::uint64_t lane_bytes_max = 1ULL << 30U;
  // Of sealed segments, the newest that stay in the page cache.
  std::uint64_t cached_bytes_max = 64U << 20U;
  std::uint32_t record_bytes_max = 1U << 20U;
  // Chain digest before `known_next` where the caller knows it (the settlement's): keeps the chain whole when
  // every file above it is gone.
  std::optional<Digest> known_digest;
  // Names the history that this writer writes, unlike any before: random. 0: it is not told.
  std::uint64_t branch = 0;
};

// From `offset` on the lane holds what the writer of this branch wrote, up to the next one. Two histories that part
// do so where a branch begins that only one of them has: a writer begins one when it opens the lane, and another
// where a group that it could not commit may stand in a file.
struct Branch {
  Offset offset;
  std::uint64_t id = 0;  // 0: not told
  auto operator<=>(const Branch&) const = default;
};

// What recovery found. Every count is by offset; `sentences` are ready for the log.
struct Recovery {
  Offset synced{};  // head after recovery
  std::uint64_t segments = 0;
  std::uint64_t torn_bytes = 0;    // truncated: never acknowledged
  std::uint64_t lost = 0;          // rot: quarantined, offsets stay and count as lost
  std::uint64_t tail_unknown = 0;  // torn or rotten, the evidence does not tell: alarm
  std::vector<std::string> sentences;
};

enum class AppendOutcome : std::uint8_t { appended, lane_full, record_too_large };

// Bytes a record of `body_bytes` takes in a segment, group header excluded: what credit counts.
std::uint64_t framed_bytes(std::size_t body_bytes);

// Owns     the lane's segments and its mapped page `synced`; deletes segments wholly below settled.
// Thread   one (in the broker: the lane's own thread; in the core: the lane's accept thread).
// Durable  what commit() returned ok for, and nothing else.
// Limits   lane_bytes_max, record_bytes_max, cached_bytes_max; the open group is what was appended since commit. Only
// damage and a disk
//          that does not cut a file pass lane_bytes_max: such a file stays as long as it is.
class LaneWriter {
 public:
  // Recovers first: see docs/spool-format.md "Recovery". `known_next` is the highest offset anyone
  // outside is known to hold (settlement, core's NEXT): rot below it is never a torn tail.
  static Result<std::unique_ptr<LaneWriter>> open(Disk& disk, LaneOptions options, Offset known_next,
                                                  Recovery* recovery);
  virtual ~LaneWriter() = default;

  // Puts a record into the open group and gives it its offset (in `offset`). Nothing is durable yet.
  // lane_full also when the open group is as large as one may be: commit first.
  [[nodiscard]] virtual AppendOutcome append(ByteView body, std::string_view cohort, WallMs time, Offset* offset) = 0;

  // Writes the open group, fdatasyncs, publishes synced. On a disk fault the group is still in memory:
  // the writer seals at the last good sync and rewrites the group to a new segment once; if that fails
  // too the error is returned, the group is dropped and its offsets are given out again.
  virtual Result<Offset> commit(WallMs now) = 0;

  [[nodiscard]] virtual Offset synced() const = 0;
  [[nodiscard]] virtual Offset appended() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes() const = 0;  // of live segments
  [[nodiscard]] virtual std::uint64_t open_group_bytes() const = 0;
  // At most what bytes() is, here and after a start, whatever fails or dies meanwhile, once the open group is committed
  // with so many records more that take so many framed bytes together. 0: without anything more.
  [[nodiscard]] virtual std::uint64_t bytes_after(std::uint64_t framed, std::size_t records) const = 0;
  // Whether they have room, all of them in the open group. lane_full: not now. record_too_large: not in an empty lane
  // either. A lane that had no room begins a segment as soon as all of it is settled.
  [[nodiscard]] virtual AppendOutcome room_for(std::uint64_t framed, std::size_t records) = 0;
  [[nodiscard]] virtual Digest digest() const = 0;  // chain digest at synced
  [[nodiscard]] virtual const std::map<std::string, std::uint64_t>& received_by_cohort() const = 0;

  // Deletes sealed segments whose every offset is below settled. Returns bytes freed.
  virtual Result<std::uint64_t> release_below(Offset settled) = 0;
  // After a commit that failed: begins the next segment now, so that the refused group is overruled whoever dies next.
  virtual Result<void> fence() { return {}; }
  // Ends the segment so that a later open needs to read only its footer. Called at a clean stop, with no
  // group open; a later append begins a new segment.
  virtual Result<void> seal() = 0;
};

struct ReadRecord {
  Offset offset;
  WallMs time;   // as given to append; the chain digest covers it
  Bytes body;    // empty when lost
  Digest after;  // chain digest after this record
  std::uint64_t framed_bytes = 0;
  bool lost = false;                           // rot: this offset's body is gone
  DigestSource source = DigestSource::linked;  // of `after`
};

// A record where the reader holds it: the body is valid only during the call that it is given to.
struct RecordView {
  Offset offset;
  WallMs time;
  ByteView body;
  Digest after;
  std::uint64_t framed_bytes = 0;
  bool lost = false;
  DigestSource source = DigestSource::linked;
};

// What becomes of a segment's pages in memory when a reader goes on to the next one.
enum class Reading : std::uint8_t {
  again,  // they stay: others read them too
  once,   // they are let go: of a backlog no more than a segment is brought back
};

// Owns     open read handles only.   Thread   one.   Durable  -
// Limits   a read returns at most max_records and about max_bytes, at least one record if there is one.
// Works in another process than the writer's, and with the writer dead: reads up to the mapped page.
class LaneReader {
 public:
  static Result<std::unique_ptr<LaneReader>> open(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid,
                                                  Lane lane, Reading reading = Reading::again);
  virtual ~LaneReader() = default;

  // The mapped page's word: the first offset that may not be read yet.
  [[nodiscard]] virtual Offset synced() = 0;
  // Oldest offset still on disk (== synced when the lane is empty).
  virtual Result<Offset> oldest() = 0;
  // Records from `from` up to synced. An offset that rotted comes with lost = true; the chain goes on
  // from the next intact group. An offset below oldest() is Fault::not_found.
  virtual Result<std::vector<ReadRecord>> read(Offset from, std::size_t max_records, std::uint64_t max_bytes) = 0;
  // The same records without a copy of any, each given to `visit`; returns the offset behind the last of them.
  // An error may come behind records that were given out already: those are good.
  virtual Result<Offset> visit(Offset from, std::size_t max_records, std::uint64_t max_bytes,
                               const std::function<void(const RecordView&)>& visit) = 0;
  // Chain digest before `at` (all records below it applied). Fault::not_found below oldest().
  virtual Result<Digest> digest_before(Offset at) = 0;
  // Where the segment that holds `at` begins. A writer that opens a lane begins a new one, so that a lane whose
  // volume came back from an old copy parts from what it was at a base and nowhere else. Fault::not_found as above.
  virtual Result<Offset> segment_base(Offset at) = 0;
  // The branches from `from` to `to`, the first at `from`; with `to` at synced also the writer's own where it has not
  // written there yet. Empty: this reader does not tell. Fault::not_found as above.
  virtual Result<std::vector<Branch>> branches(Offset /*from*/, Offset /*to*/) { return std::vector<Branch>(); }
  // Received running totals by cohort at synced, from the group headers.
  virtual Result<std::map<std::string, std::uint64_t>> received_by_cohort() = 0;
};

}  // namespace wayside::spool
