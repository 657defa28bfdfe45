// The group that is being filled: framed records, their digest, their cohorts. In memory until its commit.
#pragma once

#include <algorithm>
#include <string>

#include "spool/codec.h"

namespace wayside::spool {

// Owns     the framed bytes of the records since the last commit.   Thread   the lane writer's.
// Durable  nothing.   Limits   kGroupBytesMax, kept by the lane writer.
class OpenGroup {
 public:
  void begin(Offset base, const Digest& digest) {
    base_ = base;
    before_ = after_ = digest;
    buffer_.resize(headroom_);
    body_bytes_ = 0;
    touched_.clear();
    last_ = nullptr;
    table_bytes_ = 0;
    count_ = 0;
  }
  // `received`: running totals before this group.
  void append(const Identity& identity, std::string_view cohort, const Received& received, WallMs time, ByteView body);
  // Header, records and padding to whole sectors, until the next begin(); nothing is appended after that.
  [[nodiscard]] ByteView sectors(const Identity& identity, Offset synced, WallMs now, const Received& received);
  void add_to(Received& received) const;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] Offset end() const { return base_ + count_; }
  [[nodiscard]] const Digest& digest() const { return after_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_bytes_; }
  // What the group takes in a segment, header and padding included, with so many records more: at most.
  [[nodiscard]] std::uint64_t bytes_with(std::uint64_t framed, std::size_t records) const {
    const std::uint64_t size = kGroupFixedBytes + table_bytes(records) + body_bytes_ + framed;
    return empty() && records == 0 ? 0 : round_to_sector(size);
  }
  // And what its cohorts take then.
  [[nodiscard]] std::uint64_t table_bytes(std::size_t records) const {
    const std::size_t fresh = std::min(records, kCohortsMax + 2);  // one more than there are: a further one is no more
    return table_bytes_ + fresh * (kCohortRowBytes + kCohortBytesMax);
  }
  // The name a cohort is counted under: bounded in length and number (kCohortsMax).
  [[nodiscard]] std::string counted_as(std::string_view cohort, const Received& received) const;

 private:
  static constexpr std::size_t kHeadroomBytes = 512;  // a longer header makes room once

  Offset base_;
  Digest before_;
  Digest after_;
  std::uint32_t count_ = 0;
  // The header is written before the records once it is known: the group is one piece of memory.
  std::size_t headroom_ = kHeadroomBytes;
  Bytes buffer_ = Bytes(kHeadroomBytes);
  std::uint64_t body_bytes_ = 0;   // framed records in the buffer
  Received touched_;               // of this group alone
  std::uint64_t* last_ = nullptr;  // in touched_: the count of `last_cohort_`
  std::string last_cohort_;
  std::uint64_t table_bytes_ = 0;  // that touched_ takes in the header
};

}  // namespace wayside::spool
