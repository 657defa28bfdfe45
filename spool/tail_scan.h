// Reading an unsealed segment to its end and telling a torn tail from rot.
#pragma once

#include "spool/recovery.h"
#include "spool/segment_walker.h"

namespace wayside::spool {

struct Tail {
  Offset head{};  // after the last offset that stays
  Digest digest;
  DigestSource source = DigestSource::stored;
  Received received;              // at head, lost offsets not yet reconciled
  std::uint64_t end = 0;          // file position behind the last group that stays
  std::uint64_t unproven_at = 0;  // file position of the first kept group that may not have reached the disk
  bool rot = false;
};

// `before`: totals at the segment's base.
Result<Tail> scan_tail(SegmentWalker& walker, const Identity& identity, const Evidence& evidence, Received before,
                       Recovery& report);

}  // namespace wayside::spool
