#include "spool/open_group.h"

#include <algorithm>

#include "common/result.h"
#include "spool/chain.h"
#include "spool/wire.h"

namespace wayside::spool {

void OpenGroup::append(const Identity& identity, std::string_view cohort, const Received& received, WallMs time,
                       ByteView body) {
  WAYSIDE_ASSERT(buffer_.size() == headroom_ + body_bytes_);
  if (last_ == nullptr || last_cohort_ != cohort) {
    const auto [at, fresh] = touched_.try_emplace(counted_as(cohort, received), 0);
    if (fresh) table_bytes_ += kCohortRowBytes + at->first.size();
    last_ = &at->second;
    last_cohort_ = cohort;
  }
  ++*last_;
  after_ = chain(after_, end(), time, body);
  encode_record_frame(identity, end(), time, body, buffer_);
  body_bytes_ = buffer_.size() - headroom_;
  ++count_;
}

ByteView OpenGroup::sectors(const Identity& identity, Offset synced, WallMs now, const Received& received) {
  GroupHeader header;
  header.body_bytes = static_cast<std::uint32_t>(body_bytes_);
  header.count = count_;
  header.base = base_;
  header.synced = synced;
  header.committed = now;
  header.before = before_;
  header.after = after_;
  for (const auto& [cohort, count] : touched_) {
    const auto before = received.find(cohort);
    header.received[cohort] = count + (before == received.end() ? 0 : before->second);
  }
  const Bytes head = encode_group_header(identity, header);
  buffer_.resize(headroom_ + body_bytes_);  // without the padding of an attempt that failed
  if (head.size() > headroom_) {
    buffer_.insert(buffer_.begin(), head.size() - headroom_, 0);
    headroom_ = head.size();
  }
  const std::size_t begin = headroom_ - head.size();
  std::copy(head.begin(), head.end(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin));
  buffer_.resize(begin + round_to_sector(head.size() + body_bytes_), 0);
  return ByteView(buffer_).subspan(begin);
}

void OpenGroup::add_to(Received& received) const {
  for (const auto& [cohort, count] : touched_) received[cohort] += count;
}

std::string OpenGroup::counted_as(std::string_view cohort, const Received& received) const {
  if (cohort.empty() || cohort.size() > kCohortBytesMax) return kOtherCohort;
  std::string name(cohort);
  if (received.contains(name) || touched_.contains(name)) return name;
  std::size_t fresh = 0;
  for (const auto& [touched, count] : touched_) fresh += received.contains(touched) ? 0 : 1;
  return received.size() + fresh < kCohortsMax ? name : kOtherCohort;
}

}  // namespace wayside::spool
