// The file sink, exactly once: DIR/<lane>-<first core offset, 20 digits>.jsonl, one JSON object a line.
//
// Owns     DIR, and a follower per lane of the core log.
// Thread   one. Lanes in order of service, a bounded turn each.
// Durable  DIR/<lane>.offset = {offset, file, length}, written after the data file's sync by a new file and a
//          rename. At open its name is synced before it counts, and the data file is cut to that length: what a
//          crash left behind it is written again. DIR/core-log.uuid says which core log they are offsets of.
// Limits   file_bytes_max a file, then the next begins; a turn writes about turn_bytes_max.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>

#include "bridge/core/core_log.h"
#include "bridge/sink/lane_follower.h"
#include "common/disk.h"

namespace wayside::bridge::sink {

struct FileSinkOptions {
  std::string dir;
  std::uint64_t file_bytes_max = 256U << 20U;
  std::uint64_t turn_bytes_max = 8U << 20U;
  std::size_t turn_records_max = 10'000;
};

class FileSink {
 public:
  // What the sink in `dir` holds, for the recovery of the core log before open(). nullopt: nothing that tells. An
  // offset file that is not one counts as none: open() refuses it.
  static Result<std::optional<core::SinkHolds>> holds(Disk& disk, const std::string& dir);
  static Result<std::unique_ptr<FileSink>> open(Disk& disk, const spool::Volume& core_log, FileSinkOptions options);

  // Writes what is new in one lane. The number of objects written; 0: nothing was new.
  Result<std::uint64_t> turn(Lane lane);
  // Core offset below which everything is durable in the files.
  [[nodiscard]] Offset done(Lane lane) const { return lanes_[index_of(lane)].offset; }
  [[nodiscard]] std::uint64_t damaged() const;

 private:
  struct LaneFile {
    std::unique_ptr<LaneFollower> follower;
    std::unique_ptr<DiskFile> data;
    Offset offset{};
    std::string name;
    std::uint64_t length = 0;
  };

  FileSink(Disk& disk, FileSinkOptions options) : disk_(disk), options_(std::move(options)) {}
  Result<void> open_lane(const spool::Volume& core_log, Lane lane);
  Result<void> load_offset(LaneFile& file, Lane lane);
  Result<void> open_data(LaneFile& file);
  Result<void> begin_file(LaneFile& file, Lane lane, Offset first);
  Result<void> store_offset(const LaneFile& file, Lane lane, Offset offset, std::uint64_t length);

  Disk& disk_;
  FileSinkOptions options_;
  std::array<LaneFile, kLanes> lanes_;
};

}  // namespace wayside::bridge::sink
