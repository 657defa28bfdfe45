#include "spool/cached_segments.h"

#include <algorithm>

#include "spool/segment_file.h"

namespace wayside::spool {

CachedSegments::CachedSegments(Disk& disk, std::string dir, std::uint64_t bytes_max,
                               const std::vector<SegmentSize>& found)
    : disk_(disk), dir_(std::move(dir)), bytes_max_(bytes_max) {
  for (auto segment = found.rbegin(); segment != found.rend(); ++segment) {
    if (bytes_ + segment->bytes > bytes_max_) break;
    cached_.push_front(*segment);
    bytes_ += segment->bytes;
  }
}

void CachedSegments::sealed(const SegmentSize& segment) {
  cached_.push_back(segment);
  bytes_ += segment.bytes;
}

void CachedSegments::removed(Offset base) {
  const auto segment = std::ranges::find(cached_, base, &SegmentSize::base);
  if (segment == cached_.end()) return;
  bytes_ -= segment->bytes;
  cached_.erase(segment);
}

void CachedSegments::trim() {
  while (bytes_ > bytes_max_) {
    disk_.let_go(segment_path(dir_, cached_.front().base));
    bytes_ -= cached_.front().bytes;
    cached_.pop_front();
  }
}

}  // namespace wayside::spool
