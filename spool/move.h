// A volume that went back in time goes on under another uuid (design section 7, FORKED): what lies above the last
// offset that it has in common with the core moves to a new spool, which takes the place of the old one.
//
//   <root>/closing.mark    written by the bridge when it has stopped shipping for good: where each lane is cut
//   <root>.next            the new spool while it is filled
//   <root>.closed          the old one, from the moment in which the new one is whole until it is deleted
//   <root>/moved.from      in the new one, for good: whose records it began with
//
// Whoever dies in between, finish_move does the rest. An offset of a lane moves by `common`: what was at common + n is
// at n. docs/decisions/0013 says why it may not be otherwise.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::spool {

inline constexpr const char* kClosingFile = "closing.mark";
inline constexpr const char* kMovedFile = "moved.from";

// Where a lane of a closed spool ends for the core.
struct LaneEnd {
  Offset common{};     // the core has what stands below; above it nothing, or what this volume never held
  Offset core_next{};  // and takes nothing of this uuid any more
  Digest core_digest;  // before core_next
  bool exact = true;   // false: `common` is the last that is known for certain; some of what follows may be there twice
  bool operator==(const LaneEnd&) const = default;
};
struct ClosingMark {
  SpoolUuid uuid;
  std::array<LaneEnd, kLanes> lanes{};
  bool operator==(const ClosingMark&) const = default;
};

// What a spool was before.
struct MovedLane {
  LaneEnd end;
  Offset head{};  // of the old lane: [end.common, head) moved
  bool operator==(const MovedLane&) const = default;
};
struct MovedFrom {
  SpoolUuid uuid;  // the new one
  SpoolUuid from;
  WallMs at{};
  std::array<MovedLane, kLanes> lanes{};
  bool operator==(const MovedFrom&) const = default;
  [[nodiscard]] SpoolShift shift() const {
    SpoolShift out{from, {}};
    for (std::size_t i = 0; i < kLanes; ++i) out.common[i] = lanes[i].end.common;
    return out;
  }
};

// Durable when it returns ok.
Result<void> store_closing(Disk& disk, const std::string& root, const ClosingMark& mark);
// nullopt: there is none that can be read, or it is of another uuid.
Result<std::optional<ClosingMark>> load_closing(Disk& disk, const std::string& root, const SpoolUuid& uuid);
Result<void> store_moved(Disk& disk, const std::string& root, const MovedFrom& moved);
Result<std::optional<MovedFrom>> load_moved(Disk& disk, const std::string& root, const SpoolUuid& uuid);

struct MoveOptions {
  SpoolUuid fresh;  // uuid of the new spool
  std::uint64_t branch = 0;
  std::uint64_t segment_bytes_max = 64U << 20U;
  WallMs now{};
  std::function<std::string(ByteView body)> cohort_of;  // of a record: the spool does not know
};

enum class MoveOutcome : std::uint8_t {
  none,     // nothing is to be moved
  waiting,  // the mark is there: it has not begun, or a bridge has the volume
  moved,    // `root` is the new spool
};

// Before the volume is opened by its writer: finishes a move that began, begins none.
Result<MoveOutcome> finish_move(Disk& disk, const std::string& root, const MoveOptions& options);
// Begins and finishes it. Only after a clean stop of who offers there: what it keeps by offset (receipts, acks,
// statuses) must be as far as the old spool was, or it finds the rest above `common` only.
Result<MoveOutcome> move_spool(Disk& disk, const std::string& root, const MoveOptions& options);
// True while a move could begin: the mark is there and no bridge has the volume.
Result<bool> may_move(Disk& disk, const std::string& root, const SpoolUuid& uuid);

}  // namespace wayside::spool
