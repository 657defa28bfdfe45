#include <algorithm>

#include "spool/chain.h"
#include "spool/lane.h"
#include "spool/recovery.h"
#include "spool/segment_walker.h"

namespace wayside::spool {
namespace {

constexpr Offset kNoLimit{UINT64_MAX};

// A position in a lane that moves over segment borders and over damage. Never at or past `synced`.
class LaneCursor {
 public:
  LaneCursor(Disk& disk, std::string dir, const Identity& identity, Reading reading = Reading::again)
      : disk_(disk), dir_(std::move(dir)), identity_(identity), reading_(reading) {}

  Result<void> seek(const std::vector<Offset>& bases, Offset at, Offset synced);
  Result<Step> next(const std::vector<Offset>& bases, Offset synced);
  // Segments may have been added, and the segment been replaced by its name.
  void refresh(const std::vector<Offset>& bases) {
    reopened_ = false;
    if (walker_) end_ = segment_end(bases);
  }
  void close() { walker_.reset(); }
  // False, too, where a segment begins before: a recovery has cut what was read, and the next one overrules it.
  [[nodiscard]] bool at(Offset offset) const { return walker_ && walker_->offset() == offset && offset <= end_; }
  [[nodiscard]] const Digest& digest() const { return walker_->digest(); }

 private:
  Result<void> open(const std::vector<Offset>& bases, Offset base);
  Result<void> reopen();
  Result<Step> lost_step(Offset segment_end);
  [[nodiscard]] Offset segment_end(const std::vector<Offset>& bases) const;

  Disk& disk_;
  std::string dir_;
  Identity identity_;
  Reading reading_;
  std::unique_ptr<SegmentWalker> walker_;
  Offset end_;  // of the walker's segment, as the list of bases says
  // What the walker holds of the file is as it was synced below this; above it the writer may have written since.
  Offset fresh_until_;
  bool reopened_ = false;
};

Result<void> LaneCursor::open(const std::vector<Offset>& bases, Offset base) {
  auto walker = SegmentWalker::open(disk_, dir_, identity_, base);
  if (!walker) return std::move(walker).error();
  if (!(*walker)->header() && walker_ && walker_->offset() == base) {
    (*walker)->assume_digest(walker_->digest(), walker_->source());
  }
  walker_ = std::move(walker).value();
  end_ = segment_end(bases);
  fresh_until_ = {};
  return {};
}

Offset LaneCursor::segment_end(const std::vector<Offset>& bases) const {
  const auto next = std::upper_bound(bases.begin(), bases.end(), walker_->base());
  return next == bases.end() ? kNoLimit : *next;
}

Result<void> LaneCursor::seek(const std::vector<Offset>& bases, Offset at, Offset synced) {
  // A segment that begins at synced holds nothing that may be read: the one before says what is there.
  auto segment = std::upper_bound(bases.begin(), bases.end(), at);
  WAYSIDE_ASSERT(segment != bases.begin());
  --segment;
  if (*segment >= synced && segment != bases.begin()) --segment;
  walker_.reset();
  if (auto opened = open(bases, *segment); !opened) return opened;
  // A damaged header does not say the digest before its first record: the segment before it ends with it.
  while (!walker_->header() && segment != bases.begin()) {
    walker_.reset();
    if (auto opened = open(bases, *--segment); !opened) return opened;
  }
  if (auto skipped = walker_->skip_to(std::min(at, end_)); !skipped) return skipped;
  while (walker_->offset() < at) {
    auto step = next(bases, at);
    if (!step) return std::move(step).error();
  }
  return {};
}

Result<Step> LaneCursor::next(const std::vector<Offset>& bases, Offset synced) {
  while (walker_->offset() >= end_) {
    const Offset left = walker_->base();
    if (auto opened = open(bases, end_); !opened) return std::move(opened).error();
    if (reading_ == Reading::once) disk_.let_go(segment_path(dir_, left));
  }
  if (walker_->offset() >= fresh_until_) {
    walker_->invalidate();
    fresh_until_ = synced;
  }
  const Offset limit = std::min(end_, synced);
  WAYSIDE_ASSERT(walker_->offset() < limit);
  auto step = walker_->next(limit);
  if (!step || step->kind != Step::Kind::end) return step;
  if (!reopened_) {
    if (auto done = reopen(); !done) return std::move(done).error();
    step = walker_->next(limit);
    if (!step || step->kind != Step::Kind::end) return step;
  }
  return lost_step(end_);
}

Result<void> LaneCursor::reopen() {
  reopened_ = true;
  const Offset at = walker_->offset();
  const Digest digest = walker_->digest();
  const DigestSource source = walker_->source();
  auto fresh = SegmentWalker::open(disk_, dir_, identity_, walker_->base());
  if (!fresh) return std::move(fresh).error();
  if (auto skipped = (*fresh)->skip_to(at); !skipped) return skipped;
  if ((*fresh)->offset() != at) return {};  // no further than the handle we have
  (*fresh)->assume_digest(digest, source);
  walker_ = std::move(fresh).value();
  return {};
}

// Synced, and nothing intact follows in this file up to where the next one begins. The claim knows the digest of the
// group it was written with even where that group is gone.
Result<Step> LaneCursor::lost_step(Offset segment_end) {
  Step step;
  step.kind = Step::Kind::lost;
  step.offset = walker_->offset();
  step.framed_bytes = kRecordFrameBytes;
  step.after = chain_lost(walker_->digest(), step.offset);
  step.source = DigestSource::made_up;
  auto claimed = claimed_digest(identity_, walker_->file(), step.offset + 1);
  if (!claimed) return std::move(claimed).error();
  if (claimed->has_value()) {
    step.after = **claimed;
    step.source = DigestSource::stored;
  }
  if (step.offset + 1 == segment_end) {
    auto following = SegmentWalker::open(disk_, dir_, identity_, segment_end);
    if (!following) return std::move(following).error();
    if ((*following)->header()) {
      step.after = (*following)->digest();
      step.source = (*following)->source();
    }
  }
  walker_->lose(step.after, step.source);
  return step;
}

class LaneReaderImpl final : public LaneReader {
 public:
  LaneReaderImpl(Disk& disk, std::string dir, const Identity& identity, SyncedPage page, Reading reading)
      : disk_(disk),
        dir_(std::move(dir)),
        identity_(identity),
        page_(std::move(page)),
        cursor_(disk, dir_, identity, reading) {}

  [[nodiscard]] Offset synced() override { return page_.load(); }
  Result<Offset> oldest() override;
  Result<std::vector<ReadRecord>> read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override;
  Result<Offset> visit(Offset from, std::size_t max_records, std::uint64_t max_bytes,
                       const std::function<void(const RecordView&)>& visit) override;
  Result<Digest> digest_before(Offset at) override;
  Result<Offset> segment_base(Offset at) override;
  Result<std::vector<Branch>> branches(Offset from, Offset to) override;
  Result<Received> received_by_cohort() override;

 private:
  // Lists the segments once per value of synced: a new one is there before its offsets are published.
  Result<void> list(Offset synced);
  Result<void> require(Offset at) const;
  // After a failure: somebody may have put the files right, or away, since they were listed.
  void forget() {
    cursor_.close();
    bases_.clear();
  }
  Result<void> open_totals(std::size_t index);
  Result<std::uint64_t> branch_of(Offset base);

  Disk& disk_;
  std::string dir_;
  Identity identity_;
  SyncedPage page_;
  std::vector<Offset> bases_;
  Offset listed_at_{};
  LaneCursor cursor_;
  std::map<Offset, std::uint64_t> branch_of_;  // of the segments that were asked for, by base
  std::unique_ptr<SegmentWalker> totals_walker_;
  Received totals_;
};

Result<void> LaneReaderImpl::list(Offset synced) {
  if (synced == listed_at_ && !bases_.empty()) return {};
  auto bases = list_segments(disk_, dir_);
  if (!bases) return std::move(bases).error();
  bases_ = std::move(bases).value();
  listed_at_ = synced;
  return {};
}

Result<void> LaneReaderImpl::require(Offset at) const {
  if (!bases_.empty() && at >= bases_.front()) return {};
  return Error{Fault::not_found, "offset " + std::to_string(at.value) + " of " + dir_ + " is no longer on disk", 0};
}

Result<Offset> LaneReaderImpl::oldest() {
  const Offset synced = page_.load();
  auto bases = list_segments(disk_, dir_);
  if (!bases) return std::move(bases).error();
  return (*bases).empty() ? synced : std::min((*bases).front(), synced);
}

Result<std::vector<ReadRecord>> LaneReaderImpl::read(Offset from, std::size_t max_records, std::uint64_t max_bytes) {
  std::vector<ReadRecord> out;
  auto read = visit(from, max_records, max_bytes, [&out](const RecordView& record) {
    out.push_back({record.offset, record.time, Bytes(record.body.begin(), record.body.end()), record.after,
                   record.framed_bytes, record.lost, record.source});
  });
  if (!read) return std::move(read).error();
  return out;
}

Result<Offset> LaneReaderImpl::visit(Offset from, std::size_t max_records, std::uint64_t max_bytes,
                                     const std::function<void(const RecordView&)>& visit) {
  const Offset synced = page_.load();
  if (from >= synced || max_records == 0) return from;
  if (auto listed = list(synced); !listed) return std::move(listed).error();
  if (auto there = require(from); !there) return std::move(there).error();
  cursor_.refresh(bases_);
  if (!cursor_.at(from)) {
    if (auto done = cursor_.seek(bases_, from, synced); !done) {
      forget();
      return std::move(done).error();
    }
  }
  Offset at = from;
  for (std::uint64_t bytes = 0; at < synced && at - from < max_records && (at == from || bytes < max_bytes);) {
    auto step = cursor_.next(bases_, synced);
    if (!step) {
      forget();
      return std::move(step).error();
    }
    WAYSIDE_ASSERT(step->offset == at);
    bytes += step->framed_bytes;
    visit({at, step->time, step->body, step->after, step->framed_bytes, step->kind == Step::Kind::lost, step->source});
    at = at + 1;
  }
  return at;
}

Result<Digest> LaneReaderImpl::digest_before(Offset at) {
  const Offset synced = page_.load();
  if (at == Offset{}) return Digest{};
  if (at > synced) return Error{Fault::not_found, "offset " + std::to_string(at.value) + " is not synced", 0};
  if (auto listed = list(synced); !listed) return std::move(listed).error();
  cursor_.refresh(bases_);
  if (cursor_.at(at)) return cursor_.digest();
  if (auto there = require(at); !there) return std::move(there).error();
  LaneCursor cursor(disk_, dir_, identity_);
  if (auto done = cursor.seek(bases_, at, synced); !done) return std::move(done).error();
  return cursor.digest();
}

Result<Offset> LaneReaderImpl::segment_base(Offset at) {
  if (auto listed = list(page_.load()); !listed) return std::move(listed).error();
  if (auto there = require(at); !there) return std::move(there).error();
  return *std::prev(std::upper_bound(bases_.begin(), bases_.end(), at));
}

Result<std::uint64_t> LaneReaderImpl::branch_of(Offset base) {
  const auto known = branch_of_.find(base);
  if (known != branch_of_.end()) return known->second;
  auto walker = SegmentWalker::open(disk_, dir_, identity_, base);
  if (!walker) return std::move(walker).error();
  const std::uint64_t branch = (*walker)->header() ? (*walker)->header()->branch : 0;
  branch_of_.erase(branch_of_.begin(), branch_of_.lower_bound(bases_.front()));  // of segments that are gone
  return branch_of_[base] = branch;
}

Result<std::vector<Branch>> LaneReaderImpl::branches(Offset from, Offset to) {
  const Offset synced = page_.load();
  // What was just read was listed for that: the folder is not read once more under a writer at work.
  const bool known = to < listed_at_ && !bases_.empty();
  if (auto listed = known ? Result<void>() : list(synced); !listed) return std::move(listed).error();
  std::vector<Branch> out;
  if (!bases_.empty() && from < to) {
    if (auto there = require(from); !there) return std::move(there).error();
    // A segment that begins at synced may be replaced by its name: what it says is not said yet.
    for (auto at = std::prev(std::upper_bound(bases_.begin(), bases_.end(), from)); at != bases_.end(); ++at) {
      if (*at > to || *at >= synced) break;
      auto branch = branch_of(*at);
      if (!branch) return std::move(branch).error();
      if (out.empty() || out.back().id != *branch) out.push_back({std::max(*at, from), *branch});
    }
  }
  const Branch writer = page_.branch();
  if (to != synced || writer.offset != synced) return out;
  if (out.empty() || out.back().id != writer.id) out.push_back(writer);
  return out;
}

Result<void> LaneReaderImpl::open_totals(std::size_t index) {
  auto walker = SegmentWalker::open(disk_, dir_, identity_, bases_[index]);
  if (!walker) return std::move(walker).error();
  auto received = received_at(disk_, dir_, identity_, bases_, index, bases_[index]);
  if (!received) return std::move(received).error();
  totals_walker_ = std::move(walker).value();
  totals_ = std::move(received).value();
  return {};
}

Result<Received> LaneReaderImpl::received_by_cohort() {
  const Offset synced = page_.load();
  if (auto listed = list(synced); !listed) return std::move(listed).error();
  if (!bases_.empty() && synced > Offset{}) {
    auto segment = std::lower_bound(bases_.begin(), bases_.end(), synced);
    if (segment != bases_.begin()) --segment;
    if (!totals_walker_ || totals_walker_->base() != *segment) {
      const auto index = static_cast<std::size_t>(segment - bases_.begin());
      if (auto opened = open_totals(index); !opened) return std::move(opened).error();
    }
    totals_walker_->invalidate();
    for (;;) {
      auto more = totals_walker_->skip_group(synced);
      if (!more) return std::move(more).error();
      if (!*more) break;
      for (const auto& [cohort, count] : totals_walker_->group().received) totals_[cohort] = count;
    }
  }
  Received received = totals_;
  reconcile(received, synced);
  return received;
}

}  // namespace

Result<std::unique_ptr<LaneReader>> LaneReader::open(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid,
                                                     Lane lane, Reading reading) {
  auto page = SyncedPage::open(disk, lane_dir);
  if (!page) return std::move(page).error();
  return std::unique_ptr<LaneReader>(
      std::make_unique<LaneReaderImpl>(disk, lane_dir, Identity{uuid, lane}, std::move(page).value(), reading));
}

}  // namespace wayside::spool
