#include "spool/open_group.h"

#include "spool/chain.h"
#include "spool/wire.h"

namespace wayside::spool {

void OpenGroup::append(const Identity& identity, std::string_view cohort, WallMs time, ByteView body) {
  after_ = chain(after_, end(), time, body);
  encode_record_frame(identity, end(), time, body, body_);
  ++touched_[std::string(cohort)];
  ++count_;
}

Bytes OpenGroup::sectors(const Identity& identity, Offset synced, WallMs now, const Received& received) const {
  GroupHeader header;
  header.body_bytes = static_cast<std::uint32_t>(body_.size());
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
  Bytes out = encode_group_header(identity, header);
  out.reserve(round_to_sector(out.size() + body_.size()));
  put(out, body_);
  out.resize(round_to_sector(out.size()), 0);
  return out;
}

void OpenGroup::add_to(Received& received) const {
  for (const auto& [cohort, count] : touched_) received[cohort] += count;
}

std::uint64_t OpenGroup::bytes() const {
  if (empty()) return 0;
  std::uint64_t header = kGroupFixedBytes;
  for (const auto& [cohort, count] : touched_) header += 1 + cohort.size() + 8;
  return round_to_sector(header + body_.size());
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
