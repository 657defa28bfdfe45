// Follows one lane of a spool that others write, as a reader.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "cli/spool.h"
#include "common/disk.h"
#include "spool/lane.h"

namespace wayside::cli {

enum class TailFrom : std::uint8_t { oldest, offset, now };

// Owns     read handles: of a segment that is deleted while it is read, its room until it is left.
// Thread   one. Whoever takes the records may take as long as it likes: nobody waits for it.
// Durable  nothing; no file of the spool is made, changed or locked.
// Limits   kRecordsMax records a turn, from a window of the reader's; never at or past synced.
class LaneTail {
 public:
  static constexpr std::size_t kRecordsMax = 256;
  static constexpr std::uint64_t kBytesMax = 1U << 20U;

  // What a turn met besides records.
  struct Turn {
    std::uint64_t records = 0;
    std::uint64_t skipped = 0;  // let go by the spool before they could be shown
    bool went_back = false;     // synced is below what was shown: another history begins here
  };

  // Fault::not_found: `offset` is no longer on disk.
  static Result<LaneTail> open(Disk& disk, const SpoolView& view, Lane lane, TailFrom from, Offset offset);

  // Gives out what is there, up to kRecordsMax.
  Result<Turn> turn(const std::function<void(const spool::RecordView&)>& take);
  [[nodiscard]] Lane lane() const { return lane_; }
  [[nodiscard]] Offset at() const { return at_; }
  [[nodiscard]] Offset synced() { return reader_->synced(); }

 private:
  LaneTail(std::unique_ptr<spool::LaneReader> reader, Lane lane, Offset at)
      : reader_(std::move(reader)), lane_(lane), at_(at) {}

  std::unique_ptr<spool::LaneReader> reader_;
  Lane lane_;
  Offset at_;
  bool began_ = false;  // something was given out
};

}  // namespace wayside::cli
