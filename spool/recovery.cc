#include "spool/recovery.h"

#include <algorithm>

#include "spool/chain.h"
#include "spool/segment_walker.h"
#include "spool/segment_writer.h"
#include "spool/tail_scan.h"

namespace wayside::spool {
namespace {

constexpr std::uint64_t kCopyBytes = 1U << 20U;

// A kernel whose fdatasync failed may call pages clean that never reached the disk. Writing them again makes
// them dirty again, so that the sync that follows means what it says.
Result<void> write_again(DiskFile& file, std::uint64_t from, std::uint64_t to) {
  Bytes chunk;
  for (std::uint64_t at = from; at < to; at += chunk.size()) {
    if (auto read = file.pread(chunk, std::min(kCopyBytes, to - at), at); !read) return read;
    if (chunk.empty()) return Error{Fault::corrupt, "segment became shorter during recovery", 0};
    if (auto written = file.pwrite(chunk, at); !written) return written;
  }
  return {};
}

// Makes durable what stays. A damaged segment is otherwise left as it is: it is the evidence, and the base of
// the next segment says where it ends.
Result<std::uint64_t> settle_file(DiskFile& file, const Identity& identity, Offset base, const Tail& tail) {
  if (tail.rot) {
    if (auto done = file.fdatasync(); !done) return std::move(done).error();
    return file.size();
  }
  if (auto done = write_again(file, tail.unproven_at, tail.end); !done) return std::move(done).error();
  return write_footer(file, identity, {base, tail.head, tail.end, tail.digest, tail.received});
}

std::optional<Digest> known_at(const Evidence& evidence, Offset at) {
  return at == evidence.known_next ? evidence.known_digest : std::nullopt;
}

// `source`: of the digest before the segment, which is all that the footer of an empty one repeats.
Result<Tail> tail_of_sealed(const Footer& footer, DigestSource source, const Evidence& evidence, Recovery& report) {
  Tail tail;
  tail.head = footer.end;
  tail.digest = footer.digest;
  if (footer.end == footer.base) tail.source = source;
  tail.received = footer.received;
  tail.end = tail.unproven_at = footer.data_bytes;
  const Offset proven = std::max(evidence.synced_page, evidence.known_next);
  if (footer.end >= proven) return tail;
  report.lost += proven - footer.end;
  report.sentences.push_back("offsets " + std::to_string(footer.end.value) + " to " + std::to_string(proven.value - 1) +
                             " were synced and their segment is gone: lost");
  const std::optional<Digest> known = known_at(evidence, proven);
  tail.digest = known.value_or(chain_lost(footer.digest, {proven.value - 1}));
  tail.source = known ? DigestSource::stored : DigestSource::made_up;
  tail.head = proven;
  tail.rot = true;
  return tail;
}

// Where the groups of an earlier segment end, if all of them are there, one behind the other, up to the next segment.
Result<std::optional<Footer>> whole_until(Disk& disk, const std::string& dir, const Identity& identity, Offset base,
                                          Offset next) {
  const std::optional<Footer> none;
  auto walker = SegmentWalker::open(disk, dir, identity, base);
  if (!walker) return std::move(walker).error();
  if (!(*walker)->header()) return none;
  Footer footer{base, next, kHeaderBytes, {}, (*walker)->header()->received};
  while ((*walker)->offset() < next) {
    const Offset at = (*walker)->offset();
    auto more = (*walker)->skip_group(next);
    if (!more) return std::move(more).error();
    if (!*more || (*walker)->group().base != at) return none;
    for (const auto& [cohort, count] : (*walker)->group().received) footer.received[cohort] = count;
    footer.data_bytes = (*walker)->position();
  }
  footer.digest = (*walker)->digest();
  return std::optional<Footer>(std::move(footer));
}

// A loss of power may give a segment back what was cut from it when it was sealed: what it had reserved ahead, or a
// group that was refused. That goes again. Where a footer stands and does not verify, or anything before it is not as
// it should be, the file stays as it is.
Result<std::uint64_t> cut_again(Disk& disk, const std::string& dir, const Identity& identity, Offset base, Offset next,
                                std::uint64_t size) {
  auto footer = whole_until(disk, dir, identity, base, next);
  if (!footer) return std::move(footer).error();
  if (!*footer || size == (*footer)->data_bytes + footer_bytes(table_bytes((*footer)->received))) return size;
  auto file = disk.open(segment_path(dir, base), OpenMode::read_write);
  if (!file) return std::move(file).error();
  return write_footer(**file, identity, **footer);
}

Result<std::uint64_t> measure(Disk& disk, const std::string& dir, const Identity& identity,
                              const std::vector<Offset>& bases, std::size_t index) {
  auto file = disk.open(segment_path(dir, bases[index]), OpenMode::read);
  if (!file) return std::move(file).error();
  FileWindow window(std::move(file).value());
  auto size = window.size();
  if (!size || index + 1 == bases.size()) return size;
  auto footer = read_footer(identity, window);
  if (footer && footer->has_value()) return size;
  auto cut = cut_again(disk, dir, identity, bases[index], bases[index + 1], *size);
  return cut ? cut : size;  // a lane whose old segments cannot be read or cut starts all the same
}

Result<void> measure(Disk& disk, const std::string& dir, const Identity& identity, const std::vector<Offset>& bases,
                     LaneState& state) {
  for (std::size_t index = 0; index < bases.size(); ++index) {
    auto size = measure(disk, dir, identity, bases, index);
    if (!size) return std::move(size).error();
    state.segments.push_back({bases[index], *size});
  }
  return {};
}

Result<void> remove_temporaries(Disk& disk, const std::string& dir) {
  auto names = disk.list(dir);
  if (!names) return std::move(names).error();
  for (const std::string& name : names.value()) {
    if (!name.ends_with(std::string(kSegmentSuffix) + std::string(kTemporarySuffix))) continue;
    if (auto removed = disk.remove(dir + "/" + name); !removed) return removed;
  }
  return {};
}

Result<LaneState> recover_nothing(const Evidence& evidence, Recovery& report) {
  LaneState state;
  state.head = std::max(evidence.synced_page, evidence.known_next);
  if (state.head == Offset{}) return state;
  report.lost += state.head.value;
  report.sentences.push_back("no segment is left of " + std::to_string(state.head.value) + " offsets");
  const std::optional<Digest> known = known_at(evidence, state.head);
  state.digest = known.value_or(chain_lost({}, {state.head.value - 1}));
  state.source = known ? DigestSource::stored : DigestSource::made_up;
  state.rot = true;
  return state;
}

struct KnownDigest {
  Digest digest;
  DigestSource source = DigestSource::stored;
};

// What segment `before` ends with, where segment `base` begins. Its footer knows, and its claim knows the digest of the
// group that it was written with even where that group is gone.
Result<KnownDigest> digest_at_end(SegmentWalker& before, const Identity& identity, Offset base) {
  auto footer = read_footer(identity, before.file());
  if (!footer) return std::move(footer).error();
  if (footer->has_value() && (*footer)->base == before.base() && (*footer)->end == base) {
    return KnownDigest{(*footer)->digest, (*footer)->end == (*footer)->base ? before.source() : DigestSource::stored};
  }
  if (auto skipped = before.skip_to(base); !skipped) return std::move(skipped).error();
  while (before.offset() < base) {
    auto step = before.next(base);
    if (!step) return std::move(step).error();
    if (step->kind != Step::Kind::end) continue;
    auto claimed = claimed_digest(identity, before.file(), before.offset() + 1);
    if (!claimed) return std::move(claimed).error();
    before.lose(claimed->value_or(chain_lost(before.digest(), before.offset())),
                claimed->has_value() ? DigestSource::stored : DigestSource::made_up);
  }
  return KnownDigest{before.digest(), before.source()};
}

// The chain digest before segment `index`: what its header says or, where that is damaged, its claim (a segment that
// has no group yet, or one), or what the segment before it ends with. The next segment's header repeats it, and may
// take the place of this one: made up here, it would contradict a core that was told the true one.
Result<KnownDigest> digest_before_segment(Disk& disk, const std::string& dir, const Identity& identity,
                                          const std::vector<Offset>& bases, std::size_t index) {
  const Offset base = bases.at(index);
  auto walker = SegmentWalker::open(disk, dir, identity, base);
  if (!walker) return std::move(walker).error();
  if ((*walker)->header()) return KnownDigest{(*walker)->digest(), (*walker)->source()};
  auto claimed = claimed_digest(identity, (*walker)->file(), base);
  if (!claimed) return std::move(claimed).error();
  if (claimed->has_value()) return KnownDigest{**claimed, DigestSource::stored};
  if (index == 0) return KnownDigest{(*walker)->digest(), (*walker)->source()};
  auto earlier = digest_before_segment(disk, dir, identity, bases, index - 1);
  if (!earlier) return earlier;
  auto before = SegmentWalker::open(disk, dir, identity, bases.at(index - 1));
  if (!before) return std::move(before).error();
  (*before)->assume_digest(earlier->digest, earlier->source);
  return digest_at_end(**before, identity, base);
}

}  // namespace

void reconcile(Received& received, Offset head) {
  const std::uint64_t counted = sum(received);
  if (counted < head.value) received[kOtherCohort] += head.value - counted;
}

Result<Received> received_at(Disk& disk, const std::string& dir, const Identity& identity,
                             const std::vector<Offset>& bases, std::size_t index, Offset limit) {
  auto walker = SegmentWalker::open(disk, dir, identity, bases.at(index));
  if (!walker) return std::move(walker).error();
  Received received;
  if ((*walker)->header()) {
    received = (*walker)->header()->received;
  } else if (index > 0) {
    auto before = received_at(disk, dir, identity, bases, index - 1, bases[index]);
    if (!before) return before;
    received = std::move(before).value();
  }
  for (;;) {
    auto more = (*walker)->skip_group(limit);
    if (!more) return std::move(more).error();
    if (!*more) break;
    for (const auto& [cohort, count] : (*walker)->group().received) received[cohort] = count;
  }
  return received;
}

Result<LaneState> recover_lane(Disk& disk, const std::string& dir, const Identity& identity, const Evidence& evidence,
                               Recovery& report) {
  if (auto done = remove_temporaries(disk, dir); !done) return std::move(done).error();
  // What is not there now may not come back: its offsets are given to others, its vehicles were told to send again.
  if (auto done = disk.fsync_dir(dir); !done) return std::move(done).error();
  auto bases = list_segments(disk, dir);
  if (!bases) return std::move(bases).error();
  report.segments = (*bases).size();
  LaneState state;
  if ((*bases).empty()) {
    auto nothing = recover_nothing(evidence, report);
    if (!nothing) return nothing;
    state = std::move(nothing).value();
  } else {
    const std::size_t last = (*bases).size() - 1;
    const Offset base = (*bases)[last];
    auto walker = SegmentWalker::open(disk, dir, identity, base);
    if (!walker) return std::move(walker).error();
    auto digest = digest_before_segment(disk, dir, identity, *bases, last);
    if (!digest) return std::move(digest).error();
    (*walker)->assume_digest(digest->digest, digest->source);
    auto footer = read_footer(identity, (*walker)->file());
    if (!footer) return std::move(footer).error();
    const bool sealed = footer->has_value() && (*footer)->base == base;
    auto before = sealed ? Result<Received>(Received{}) : received_at(disk, dir, identity, *bases, last, base);
    if (!before) return std::move(before).error();
    auto tail = sealed ? tail_of_sealed(**footer, digest->source, evidence, report)
                       : scan_tail(**walker, identity, evidence, std::move(before).value(), report);
    if (!tail) return std::move(tail).error().with(segment_path(dir, base));
    if (!sealed) {
      auto file = disk.open(segment_path(dir, base), OpenMode::read_write);
      if (!file) return std::move(file).error();
      auto size = settle_file(**file, identity, base, *tail);
      if (!size) return std::move(size).error().with(segment_path(dir, base));
    }
    state.head = tail->head;
    state.digest = tail->digest;
    state.source = tail->source;
    state.received = std::move(tail->received);
    state.rot = tail->rot;
    if (auto done = measure(disk, dir, identity, *bases, state); !done) return std::move(done).error();
  }
  reconcile(state.received, state.head);
  report.synced = state.head;
  return state;
}

}  // namespace wayside::spool
