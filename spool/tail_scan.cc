#include "spool/tail_scan.h"

#include <algorithm>

#include "spool/chain.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

constexpr Offset kNoLimit{UINT64_MAX};

// The scan of one segment. Evidence only ever grows: `proven` is the first offset that may not have been synced.
class TailScan {
 public:
  TailScan(SegmentWalker& walker, const Identity& identity, const Evidence& evidence, Recovery& report)
      : walker_(walker), identity_(identity), evidence_(evidence), report_(report) {}

  Result<Tail> run(Received before);

 private:
  Result<void> read_claim_page();
  Result<bool> take_step(const Step& step);  // false: the tail begins here
  Result<bool> finish_group();
  Result<void> judge_end();
  Result<bool> zero_sector_in(std::uint64_t from, std::uint64_t to);
  Result<bool> whole_but_damaged(std::uint64_t at);
  Result<void> count_torn_bytes();
  void doubt_torn_bytes();
  void lose(std::uint64_t count);
  void lose_up_to(Offset head);
  [[nodiscard]] std::optional<Digest> digest_at(Offset head) const;

  SegmentWalker& walker_;
  Identity identity_;
  const Evidence& evidence_;
  Recovery& report_;
  Claim claim_;
  bool claim_rotten_ = false;  // one that may have been newer than claim_
  Offset proven_{};
  std::uint64_t bad_in_group_ = 0;
  Tail tail_;
};

Result<Tail> TailScan::run(Received before) {
  if (auto done = read_claim_page(); !done) return std::move(done).error();
  tail_.head = walker_.base();
  tail_.digest = walker_.digest();
  tail_.source = walker_.source();
  tail_.received = std::move(before);
  tail_.end = tail_.unproven_at = kHeaderBytes;
  for (bool more = true; more;) {
    auto step = walker_.next(kNoLimit);
    if (!step) return std::move(step).error();
    if (step->kind == Step::Kind::end) break;
    auto taken = take_step(*step);
    if (!taken) return std::move(taken).error();
    more = *taken;
  }
  if (auto done = judge_end(); !done) return std::move(done).error();
  if (auto done = count_torn_bytes(); !done) return std::move(done).error();
  return tail_;
}

Result<void> TailScan::read_claim_page() {
  auto claims = read_claims(identity_, walker_.file());
  if (!claims) return std::move(claims).error();
  claim_rotten_ = claims->rotten;
  claim_ = claims->newest.value_or(Claim{0, walker_.base(), walker_.base(), walker_.digest(), walker_.digest()});
  proven_ = std::max({evidence_.synced_page, evidence_.known_next, claim_.before});
  // Groups are synced whole: what proves a part of the last one proves all of it.
  if (proven_ > claim_.before && proven_ < claim_.head) proven_ = claim_.head;
  if (!walker_.header()) {
    tail_.rot = true;
    report_.sentences.push_back("the header of the last segment is damaged");
  }
  return {};
}

Result<bool> TailScan::take_step(const Step& step) {
  const GroupHeader& group = walker_.group();
  if (step.offset < group.base) {  // a gap that an intact group follows: that group was written after its sync
    lose(1);
    tail_.head = step.offset + 1;
    tail_.digest = step.after;
    tail_.source = step.source;
    tail_.end = walker_.group_position();
    return true;
  }
  if (step.kind == Step::Kind::lost) ++bad_in_group_;
  if (step.offset + 1 < group.end()) return true;
  return finish_group();
}

Result<bool> TailScan::finish_group() {
  const GroupHeader& group = walker_.group();
  if (proven_ > group.base) proven_ = std::max(proven_, group.end());
  if (bad_in_group_ > 0 && group.base >= proven_ && group.base < claim_.head) {
    auto zero = zero_sector_in(walker_.group_position(), walker_.group_position() + group.padded_bytes());
    if (!zero) return std::move(zero).error();
    if (!*zero) proven_ = claim_.head;
  }
  // A group stays whole or not at all: none of a torn one was acknowledged.
  if (bad_in_group_ > 0 && group.base >= proven_) return false;
  lose(bad_in_group_);
  bad_in_group_ = 0;
  if (group.base < claim_.before) tail_.unproven_at = walker_.position();
  tail_.head = group.end();
  tail_.digest = group.after;
  tail_.source = DigestSource::stored;
  tail_.end = walker_.position();
  for (const auto& [cohort, count] : group.received) tail_.received[cohort] = count;
  return true;
}

// What should stand behind the last group that stays, and does not.
Result<void> TailScan::judge_end() {
  // Where the claimed group stands is known only if nothing is missing before it.
  const bool place_known = tail_.head >= proven_;
  if (!place_known) lose_up_to(proven_);
  if (tail_.head >= claim_.head) return {};
  auto damaged = place_known ? whole_but_damaged(tail_.end) : Result<bool>(false);
  if (!damaged) return std::move(damaged).error();
  if (*damaged) {
    lose_up_to(claim_.head);
    return {};
  }
  report_.tail_unknown += claim_.head - tail_.head;
  report_.sentences.push_back("the group at offset " + std::to_string(tail_.head.value) +
                              " was claimed by its own write and is not there whole: torn or rotten, cut");
  return {};
}

// A torn write leaves sectors of it unwritten, and unwritten sectors read as zero. A group of which every sector
// was written, and which is still not intact, has rotted since.
Result<bool> TailScan::whole_but_damaged(std::uint64_t at) {
  auto sector = walker_.file().view(at, kSectorBytes);
  if (!sector) return std::move(sector).error();
  if ((*sector).size() < kSectorBytes || all_zero(*sector)) return false;
  Cursor cursor(*sector);
  const bool magic = cursor.get<std::uint32_t>() == kGroupMagic;
  cursor.take(4);
  const std::uint64_t header_bytes = cursor.get<std::uint32_t>();
  const std::uint64_t body_bytes = cursor.get<std::uint32_t>();
  const bool count = cursor.get<std::uint32_t>() == claim_.head - tail_.head;
  cursor.take(4);
  const bool base = cursor.get<std::uint64_t>() == tail_.head.value;
  // Rot spares most of a header. Half a footer over a group that failed is not that group.
  if (static_cast<int>(magic) + static_cast<int>(count) + static_cast<int>(base) < 2) return false;
  auto size = walker_.file().size();
  if (!size) return std::move(size).error();
  const std::uint64_t extent = round_to_sector(header_bytes + body_bytes);
  if (header_bytes < kGroupFixedBytes || header_bytes > kGroupHeaderBytesMax || at + extent > *size) return false;
  auto zero = zero_sector_in(at, at + extent);
  if (!zero) return std::move(zero).error();
  return !*zero;
}

Result<bool> TailScan::zero_sector_in(std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t at = from; at < to; at += kSectorBytes) {
    auto sector = walker_.file().view(at, kSectorBytes);
    if (!sector) return std::move(sector).error();
    if ((*sector).size() < kSectorBytes || all_zero(*sector)) return true;
  }
  return false;
}

Result<void> TailScan::count_torn_bytes() {
  auto size = walker_.file().size();
  if (!size) return std::move(size).error();
  std::uint64_t last = tail_.end;
  for (std::uint64_t at = tail_.end; at < *size; at += kSectorBytes) {
    auto sector = walker_.file().view(at, kSectorBytes);
    if (!sector) return std::move(sector).error();
    if (!all_zero(*sector)) last = at + (*sector).size();
  }
  if (last == tail_.end) return {};
  if (claim_rotten_ && tail_.head >= claim_.head) doubt_torn_bytes();
  if (tail_.rot) return {};
  report_.torn_bytes += last - tail_.end;
  report_.sentences.push_back("cut " + std::to_string(last - tail_.end) + " bytes of a torn tail behind offset " +
                              std::to_string(tail_.head.value));
  return {};
}

// They may be a synced group that has rotted together with its claim.
void TailScan::doubt_torn_bytes() {
  const GroupHeader& group = walker_.group();
  report_.tail_unknown += group.base == tail_.head && group.count > 0 ? group.count : 1;
  report_.sentences.push_back("a claim is damaged, and what stands behind offset " + std::to_string(tail_.head.value) +
                              " may be what it claimed: torn or rotten, cut");
}

void TailScan::lose(std::uint64_t count) {
  if (count == 0) return;
  tail_.rot = true;
  report_.lost += count;
}

void TailScan::lose_up_to(Offset head) {
  report_.sentences.push_back("offsets " + std::to_string(tail_.head.value) + " to " + std::to_string(head.value - 1) +
                              " were synced and are gone: lost");
  lose(head - tail_.head);
  const std::optional<Digest> known = digest_at(head);
  tail_.digest = known.value_or(chain_lost(tail_.digest, {head.value - 1}));
  tail_.source = known ? DigestSource::stored : DigestSource::made_up;
  tail_.head = head;
}

std::optional<Digest> TailScan::digest_at(Offset head) const {
  if (head == claim_.head) return claim_.head_digest;
  if (head == claim_.before) return claim_.before_digest;
  if (head == evidence_.known_next) return evidence_.known_digest;
  return std::nullopt;
}

}  // namespace

Result<Tail> scan_tail(SegmentWalker& walker, const Identity& identity, const Evidence& evidence, Received before,
                       Recovery& report) {
  return TailScan(walker, identity, evidence, report).run(std::move(before));
}

}  // namespace wayside::spool
