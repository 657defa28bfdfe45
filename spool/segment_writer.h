// The one segment of a lane that grows.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "common/disk.h"
#include "spool/codec.h"

namespace wayside::spool {

// Owns     the file of the active segment.   Thread   the lane writer's.
// Durable  a group when write_group returned ok. The file has its name only once its header is synced.
// Limits   segment_bytes_max, unless one group alone is larger.
class SegmentWriter {
 public:
  // Takes the place of a segment of the same base: that one holds nothing that was ever published.
  static Result<std::unique_ptr<SegmentWriter>> create(Disk& disk, const std::string& dir, const SegmentHeader& header,
                                                       std::uint64_t segment_bytes_max);

  // Writes whole sectors at the tail and the claim of `head`, and syncs both at once. After a failure the file
  // is not written again except by abandon().
  Result<void> write_group(ByteView sectors, Offset head, const Digest& head_digest);
  // Footer, cut to its end, synced: a later open reads nothing else.
  Result<void> seal(const Received& received);
  // After a failed write: cuts the file at the last good sync as far as the disk still lets us. What remains
  // is overruled by the base of the next segment, and counted.
  void abandon(const Received& received);

  [[nodiscard]] bool fits(std::uint64_t bytes) const {
    return tail_ == kHeaderBytes || tail_ + bytes <= segment_bytes_max_;
  }
  [[nodiscard]] Offset base() const { return base_; }
  [[nodiscard]] bool empty() const { return tail_ == kHeaderBytes; }
  // Until it is full.
  [[nodiscard]] std::uint64_t room() const { return segment_bytes_max_ - std::min(tail_, segment_bytes_max_); }
  [[nodiscard]] std::uint64_t bytes() const { return std::max(tail_, left_); }

 private:
  SegmentWriter(std::unique_ptr<DiskFile> file, const SegmentHeader& header, std::uint64_t segment_bytes_max);
  Result<void> begin(const SegmentHeader& header);
  Result<void> allocate(std::uint64_t end);
  Result<void> fill_ahead(std::uint64_t group_bytes);

  std::unique_ptr<DiskFile> file_;
  Identity identity_;
  Offset base_;
  std::uint64_t segment_bytes_max_;
  std::uint64_t tail_ = kHeaderBytes;
  std::uint64_t reach_ = kHeaderBytes;   // end of what was written, synced or not
  std::uint64_t left_ = 0;               // abandoned: what a start may find, if its cut is not durable
  std::uint64_t allocated_ = 0;          // reserved
  std::uint64_t filled_ = kHeaderBytes;  // written, be it with zeros
  Claim claim_;
};

// Writes the footer behind `data_bytes`, cuts the file there and syncs. Returns the file's size.
Result<std::uint64_t> write_footer(DiskFile& file, const Identity& identity, const Footer& footer);

}  // namespace wayside::spool
