#include "bridge/edge/chain_check.h"

#include <algorithm>

namespace wayside::bridge::edge {
namespace {

using spool::DigestSource;
using spool::ReadRecord;

constexpr std::size_t kReadRecords = 1'000;
constexpr std::uint64_t kReadBytes = 1U << 20U;
// How far below the core's offset damage is looked for where the settlement does not say.
constexpr std::uint64_t kLookBackRecords = 10'000;

// One check. What the core may hold for `at_`: the digest through intact records, or what was made up where a batch
// had to end behind damage.
class ChainCheck {
 public:
  ChainCheck(spool::LaneReader& reader, const spool::Standing& core, Offset settled)
      : reader_(reader), at_(core.next), digest_(core.digest), settled_(settled) {}
  Result<ChainVerdict> run();

 private:
  Result<void> look_back();
  Result<void> look_ahead();
  Result<void> walk_back(Offset from);

  spool::LaneReader& reader_;
  Offset at_;
  Digest digest_;
  Offset settled_;
  bool same_ = false;
  bool other_ = false;
  // The segment that begins there may go on from a digest that a recovery made up: what follows says nothing of
  // another.
  bool made_up_base_ = false;
  bool whole_ = true;  // every record from the core's offset on was intact so far
};

Result<ChainVerdict> ChainCheck::run() {
  if (auto done = look_back(); !done) return std::move(done).error();
  if (!same_) {
    if (auto done = look_ahead(); !done) return std::move(done).error();
  }
  if (same_) return ChainVerdict::same;
  return other_ ? ChainVerdict::other : ChainVerdict::unknown;
}

// The record before the core's offset says what the digest is, or that it is behind damage.
Result<void> ChainCheck::look_back() {
  const Result<Offset> oldest = reader_.oldest();
  if (!oldest) return oldest.error();
  if (at_ <= *oldest) return {};
  const Result<std::vector<ReadRecord>> before = reader_.read({at_.value - 1}, 1, kReadBytes);
  if (!before) return before.error();
  if (before->empty()) return {};
  same_ = before->front().after == digest_;
  if (same_) return {};
  other_ = before->front().source != DigestSource::made_up;
  if (!other_) {
    const Result<Offset> base = reader_.segment_base(at_);
    if (!base) return base.error();
    made_up_base_ = *base == at_;
  }
  const std::uint64_t reach = std::min(at_.value, kLookBackRecords);
  const Offset from = settled_ < at_ ? settled_ : Offset{at_.value - reach};
  return walk_back(std::max(from, *oldest));
}

// What a batch that ended in damage at the head was linked to: the last digest known before it.
Result<void> ChainCheck::walk_back(Offset from) {
  const Result<Digest> begin = reader_.digest_before(from);
  if (!begin) return begin.error();
  Digest made_up = *begin;
  while (from < at_) {
    const Result<std::vector<ReadRecord>> records =
        reader_.read(from, std::min<std::uint64_t>(kReadRecords, at_ - from), kReadBytes);
    if (!records) return records.error();
    if (records->empty()) return {};
    for (const ReadRecord& record : *records) {
      const bool begins = !record.lost && record.source != DigestSource::made_up;
      made_up = begins ? record.after : spool::chain_lost(made_up, record.offset);
      from = record.offset + 1;
    }
  }
  same_ = made_up == digest_;
  return {};
}

// From the core's digest through the records that follow to the next one that the volume has stored.
Result<void> ChainCheck::look_ahead() {
  Digest linked = digest_;
  for (Offset at = at_; at < reader_.synced();) {
    const Result<std::vector<ReadRecord>> records = reader_.read(at, kReadRecords, kReadBytes);
    if (!records) return records.error();
    if (records->empty()) return {};
    for (const ReadRecord& record : *records) {
      const bool stored = record.source == DigestSource::stored;
      // What is made up in a group comes from the digest at its end.
      same_ = stored && at_.value > 0 && spool::chain_lost(record.after, {at_.value - 1}) == digest_;
      if (same_) return {};
      if (!record.lost) linked = spool::chain(linked, record.offset, record.time, record.body);
      whole_ = whole_ && !record.lost;
      if (stored) {
        same_ = whole_ && linked == record.after;
        other_ = other_ || (whole_ && !same_ && !made_up_base_);
        return {};
      }
      at = record.offset + 1;
    }
  }
  return {};
}

}  // namespace

Result<ChainVerdict> judge_chain(spool::LaneReader& reader, const spool::Standing& core,
                                 const spool::Standing& settled) {
  // Both come from the core: no record is needed to compare them.
  if (core.next == settled.next && core.digest == settled.digest) return ChainVerdict::same;
  Result<ChainVerdict> told = ChainCheck(reader, core, settled.next).run();
  if (!told || *told != ChainVerdict::unknown) return told;
  // A fork is at or above what this volume settled, and at the base of a segment. What it released it had settled,
  // whatever is left of the settlement.
  const Result<Offset> oldest = reader.oldest();
  if (!oldest) return oldest.error();
  if (core.next <= std::max(settled.next, *oldest)) return ChainVerdict::same;
  const Result<Offset> base = reader.segment_base({core.next.value - 1});
  if (!base) return base.error();
  return *base < settled.next ? ChainVerdict::same : ChainVerdict::unknown;
}

}  // namespace wayside::bridge::edge
