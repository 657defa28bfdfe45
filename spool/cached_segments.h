// Which sealed segments of a lane stay in the page cache: the newest, up to a bound. A backlog that nobody reads for
// hours would otherwise take all memory of the host, or what the pod may have, page by page.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/types.h"
#include "spool/recovery.h"

namespace wayside::spool {

// Owns     the list of what is still cached.   Thread   the writer's.   Durable  - (a hint to the disk)
// Limits   bytes_max of whole segments; the active one, and what readers bring back, is beside it.
class CachedSegments {
 public:
  // `disk` must outlive this. Of the segments `found`, ascending, the life before may have left as many as it might.
  CachedSegments(Disk& disk, std::string dir, std::uint64_t bytes_max, const std::vector<SegmentSize>& found);

  // Sealed and synced; nobody writes it any more. Newer than all before.
  void sealed(const SegmentSize& segment);
  // The file is gone, or another took its name.
  void removed(Offset base);
  // Lets the oldest go until the rest is within the bound.
  void trim();

 private:
  Disk& disk_;
  std::string dir_;
  std::uint64_t bytes_max_;
  std::deque<SegmentSize> cached_;
  std::uint64_t bytes_ = 0;
};

}  // namespace wayside::spool
