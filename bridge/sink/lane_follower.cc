#include "bridge/sink/lane_follower.h"

namespace wayside::bridge::sink {

Result<std::unique_ptr<LaneFollower>> LaneFollower::open(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid,
                                                         Lane lane, Offset from) {
  Result<std::unique_ptr<spool::LaneReader>> reader = spool::LaneReader::open(disk, lane_dir, uuid, lane);
  if (!reader) return reader.error();
  const Result<Offset> oldest = (*reader)->oldest();
  if (!oldest) return oldest.error();
  if (from > (*reader)->synced()) {
    return Error{Fault::corrupt, "the sink is at offset " + std::to_string(from.value) + " of " + lane_dir +
                                     " and the core log ends at " + std::to_string((*reader)->synced().value) +
                                     ": it is not the log that the sink has followed"};
  }
  // Segments go only when every sink is past them: a sink that is new begins with what is there.
  return std::unique_ptr<LaneFollower>(new LaneFollower(std::move(*reader), std::max(from, *oldest)));
}

Result<std::vector<FollowedBatch>> LaneFollower::next(std::size_t records_max, std::uint64_t bytes_max) {
  std::vector<FollowedBatch> out;
  if (position_ >= reader_->synced()) return out;
  Result<std::vector<spool::ReadRecord>> records = reader_->read(position_, records_max, bytes_max);
  if (!records) return records.error();
  for (const spool::ReadRecord& record : *records) {
    position_ = record.offset + 1;
    Result<core::CoreRecord> decoded =
        record.lost ? Result<core::CoreRecord>(Error{Fault::corrupt, "lost"}) : core::decode_core_record(record.body);
    if (!decoded) {
      ++damaged_;  // the intact ones around it are delivered
      assembler_.damaged();
      continue;
    }
    if (assembler_.ends_before(*decoded)) out.push_back({assembler_.batch(), record.offset});
    if (assembler_.add(std::move(*decoded))) out.push_back({assembler_.batch(), position_});
  }
  return out;
}

}  // namespace wayside::bridge::sink
