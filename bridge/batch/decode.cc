#include "bridge/batch/batch.h"
#include "bridge/batch/frame.h"
#include "bridge/batch/unpack.h"
#include "schemas/ids.h"
#include "schemas/verified.h"

namespace wayside::bridge::batch {

namespace fb = wayside::schemas;

namespace {

// Offsets are dense from 0: none is ever near the end of 64 bits.
constexpr std::uint64_t kOffsetMax = std::uint64_t{1} << 60U;

spool::Totals totals_of(Outcome outcome, std::uint64_t count) {
  switch (outcome) {
    case Outcome::deliver: return {count, 0, 0, 0, 0};
    case Outcome::compacted: return {0, count, 0, 0, 0};
    case Outcome::resent: return {0, count, count, 0, 0};
    case Outcome::expired: return {0, 0, 0, count, 0};
    case Outcome::lost: return {0, 0, 0, 0, count};
  }
  return {};
}

bool read_head(const fb::Batch& in, const Limits& limits, Decoded& out) {
  if (in.lane() > fb::LaneId::MAX || in.count() == 0 || in.count() > limits.records_max) return false;
  if (in.first() > kOffsetMax || in.records() > in.count()) return false;
  out.uuid = fb::spool_uuid(*in.spool());
  out.session = in.session();
  out.lane = static_cast<Lane>(in.lane());
  out.number = in.number();
  out.first = {in.first()};
  out.count = in.count();
  out.before = fb::digest(*in.before());
  out.after = fb::digest(*in.after());
  out.framed_bytes = in.framed_bytes();
  out.key_frame = in.key_frame();
  return true;
}

bool read_branches(const fb::Batch& in, Decoded& out) {
  if (in.branches() == nullptr) return true;
  if (in.branches()->size() > kBranchesMax) return false;
  for (const fb::Branch* branch : *in.branches()) {
    const Offset at{branch->offset()};
    const bool follows = out.branches.empty() ? at == out.first : at > out.branches.back().offset;
    if (!follows || at >= out.first + out.count) return false;
    out.branches.push_back({at, branch->id()});
  }
  return true;
}

// Cohorts of a run that is not delivered; they add up to it.
bool read_cohorts(const fb::Run& run, OutcomeRun& out) {
  std::uint64_t counted = 0;
  if (run.cohort_counts() == nullptr) return false;
  for (const auto* entry : *run.cohort_counts()) {
    const std::string_view cohort = fb::view(entry->cohort());
    if (entry->count() == 0 || entry->count() > run.count() - counted || !valid_cohort(cohort)) return false;
    counted += entry->count();
    if (!out.cohorts.try_emplace(std::string(cohort), totals_of(out.outcome, entry->count())).second) return false;
  }
  return counted == run.count();
}

bool read_runs(const fb::Batch& in, Decoded& out) {
  std::uint64_t covered = 0;
  std::uint64_t delivered = 0;
  for (const auto* run : *in.runs()) {
    if (run->count() == 0 || run->count() > out.count - covered || run->outcome() > fb::Outcome::MAX) return false;
    OutcomeRun next;
    next.outcome = static_cast<Outcome>(run->outcome());
    next.first = out.first + covered;
    next.count = run->count();
    covered += next.count;
    if (next.outcome == Outcome::deliver) {
      delivered += next.count;
      if (run->cohort_counts() != nullptr) return false;
    } else if (!read_cohorts(*run, next)) {
      return false;
    }
    out.runs.push_back(std::move(next));
  }
  return covered == out.count && delivered == in.records();
}

// Gives the delivered records their offsets and the delivered runs their cohorts.
void place(Decoded& out) {
  std::size_t at = 0;
  for (OutcomeRun& run : out.runs) {
    if (run.outcome != Outcome::deliver) continue;
    for (std::uint64_t i = 0; i < run.count; ++i) {
      Delivered& record = out.delivered[at++];
      record.offset = run.first + i;
      run.cohorts[std::string(counted_cohort(record.cohort))] += totals_of(Outcome::deliver, 1);
    }
  }
}

}  // namespace

wayside::Outcome<Decoded> decode(ByteView message, const Limits& limits) {
  auto raw = decompress(message, limits.raw_bytes_max);
  if (!raw) return raw.reason();
  const fb::Verified<fb::Batch> in(raw.value(), fb::BatchIdentifier());
  Decoded out;
  if (!in || !read_head(*in, limits, out) || !read_runs(*in, out) || !read_branches(*in, out)) {
    return Reason::BATCH_MALFORMED;
  }
  auto delivered = unpack(*in, limits.payload_bytes_max);
  if (!delivered) return delivered.reason();
  out.delivered = std::move(delivered).value();
  place(out);
  return out;
}

}  // namespace wayside::bridge::batch
