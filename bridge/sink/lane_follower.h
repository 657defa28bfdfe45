// Reads one lane of the core log batch by batch, behind the accept thread.
//
// Owns     a LaneReader.   Thread   one, the sink's.   Durable  no: the sink keeps the offset.
// Limits   a turn reads at most records_max records and about bytes_max, but never less than a whole batch.
#pragma once

#include <memory>
#include <vector>

#include "bridge/core/core_record.h"
#include "common/disk.h"
#include "spool/lane.h"
#include "spool/spool.h"

namespace wayside::bridge::sink {

struct FollowedBatch {
  std::vector<core::CoreRecord> records;
  Offset end{};  // core offset after it: where a sink goes on
};

class LaneFollower {
 public:
  static Result<std::unique_ptr<LaneFollower>> open(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid,
                                                    Lane lane, Offset from);
  // Batches in order; empty when there is nothing new. Damaged records of the core log are skipped and counted.
  Result<std::vector<FollowedBatch>> next(std::size_t records_max, std::uint64_t bytes_max);
  [[nodiscard]] Offset position() const { return position_; }
  [[nodiscard]] Offset synced() { return reader_->synced(); }
  [[nodiscard]] std::uint64_t damaged() const { return damaged_; }

 private:
  LaneFollower(std::unique_ptr<spool::LaneReader> reader, Offset from) : reader_(std::move(reader)), position_(from) {}

  std::unique_ptr<spool::LaneReader> reader_;
  Offset position_;
  core::BatchAssembler assembler_;
  std::uint64_t damaged_ = 0;
};

}  // namespace wayside::bridge::sink
