// The group that is being filled: framed records, their digest, their cohorts. In memory until its commit.
#pragma once

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
    body_.clear();
    touched_.clear();
    count_ = 0;
  }
  void append(const Identity& identity, std::string_view cohort, WallMs time, ByteView body);
  // Header, records and padding to whole sectors. `received`: running totals before this group.
  [[nodiscard]] Bytes sectors(const Identity& identity, Offset synced, WallMs now, const Received& received) const;
  void add_to(Received& received) const;

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] Offset end() const { return base_ + count_; }
  [[nodiscard]] const Digest& digest() const { return after_; }
  [[nodiscard]] std::uint64_t body_bytes() const { return body_.size(); }
  // What the group takes in a segment, header and padding included.
  [[nodiscard]] std::uint64_t bytes() const;
  // The name a cohort is counted under: bounded in length and number (kCohortsMax).
  [[nodiscard]] std::string counted_as(std::string_view cohort, const Received& received) const;

 private:
  Offset base_;
  Digest before_;
  Digest after_;
  std::uint32_t count_ = 0;
  Bytes body_;
  Received touched_;  // of this group alone
};

}  // namespace wayside::spool
