#include "cli/lane_tail.h"

#include <algorithm>

namespace wayside::cli {

Result<LaneTail> LaneTail::open(Disk& disk, const SpoolView& view, Lane lane, TailFrom from, Offset offset) {
  auto reader = spool::LaneReader::open(disk, view.lane_dir(lane), view.volume().uuid, lane);
  if (!reader) return std::move(reader).error();
  if (from == TailFrom::now) {
    const Offset now = (*reader)->synced();
    return LaneTail(std::move(reader).value(), lane, now);
  }
  auto oldest = (*reader)->oldest();
  // A lane that has had no record may have no folder.
  if (!oldest && oldest.error().fault == Fault::not_found) oldest = Offset{};
  if (!oldest) return std::move(oldest).error();
  if (from == TailFrom::offset && offset < *oldest) {
    return Error{Fault::not_found,
                 "offset " + std::to_string(offset.value) + " is no longer on disk: the oldest is " +
                     std::to_string(oldest->value),
                 0};
  }
  return LaneTail(std::move(reader).value(), lane, from == TailFrom::offset ? offset : *oldest);
}

Result<LaneTail::Turn> LaneTail::turn(const std::function<void(const spool::RecordView&)>& take) {
  Turn turn;
  const Offset synced = reader_->synced();
  // Ahead of it on purpose, with --from, is no step back.
  if (synced < at_ && began_) {
    turn.went_back = true;
    at_ = synced;
    return turn;
  }
  if (at_ >= synced) return turn;
  began_ = true;
  const auto count = [&](const spool::RecordView& record) {
    // Given out, whatever comes behind it.
    at_ = record.offset + 1;
    ++turn.records;
    take(record);
  };
  const auto next = reader_->visit(at_, kRecordsMax, kBytesMax, count);
  if (next) return turn;
  // Retention may have deleted what was about to be read; where it did not, the disk does not read.
  const auto oldest = reader_->oldest();
  if (!oldest) return oldest.error();
  if (*oldest <= at_) {
    if (next.error().fault != Fault::not_found) return next.error();
    return turn;  // what was listed has changed meanwhile: the next turn lists anew
  }
  turn.skipped = *oldest - at_;
  at_ = *oldest;
  return turn;
}

}  // namespace wayside::cli
