#include <algorithm>
#include <utility>

#include "spool/cached_segments.h"
#include "spool/lane.h"
#include "spool/open_group.h"
#include "spool/recovery.h"
#include "spool/segment_writer.h"

namespace wayside::spool {
namespace {

std::string parent_of(const std::string& dir) {
  const std::size_t slash = dir.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : dir.substr(0, slash);
}

class LaneWriterImpl final : public LaneWriter {
 public:
  LaneWriterImpl(Disk& disk, LaneOptions options, SyncedPage page, LaneState state)
      : disk_(disk),
        options_(std::move(options)),
        identity_{options_.uuid, options_.lane},
        page_(std::move(page)),
        synced_(state.head),
        digest_(state.digest),
        source_(state.source),
        received_(std::move(state.received)),
        sealed_(std::move(state.segments)),
        cached_(disk, options_.dir, options_.cached_bytes_max, sealed_) {
    for (const SegmentSize& segment : sealed_) sealed_bytes_ += segment.bytes;
    table_bytes_ = table_bytes(received_);
    group_.begin(synced_, digest_);
  }

  Result<void> start(bool rot);

  AppendOutcome append(ByteView body, std::string_view cohort, WallMs time, Offset* offset) override;
  Result<Offset> commit(WallMs now) override;

  [[nodiscard]] Offset synced() const override { return synced_; }
  [[nodiscard]] Offset appended() const override { return group_.end(); }
  [[nodiscard]] std::uint64_t bytes() const override {
    return sealed_bytes_ + removed_bytes_ + (active_ ? active_->bytes() : 0);
  }
  [[nodiscard]] std::uint64_t open_group_bytes() const override { return group_.body_bytes(); }
  [[nodiscard]] std::uint64_t bytes_after(std::uint64_t framed, std::size_t records) const override;
  [[nodiscard]] AppendOutcome room_for(std::uint64_t framed, std::size_t records) override;
  [[nodiscard]] Digest digest() const override { return digest_; }
  [[nodiscard]] const Received& received_by_cohort() const override { return received_; }

  Result<std::uint64_t> release_below(Offset settled) override;
  Result<void> fence() override;
  Result<void> seal() override;

 private:
  Result<void> write_group(WallMs now);
  Result<void> create_segment(WallMs now);
  void retire_active();
  Result<void> seal_active();
  void abandon_active();
  void publish();
  void begin_branch();
  // Where the next segment begins; segments before it are sealed.
  [[nodiscard]] Offset next_base(std::size_t index) const;

  Disk& disk_;
  LaneOptions options_;
  Identity identity_;
  SyncedPage page_;
  Offset synced_;
  Digest digest_;
  DigestSource source_;  // of digest_, as long as nothing is linked to it
  Received received_;
  std::vector<SegmentSize> sealed_;
  std::uint64_t sealed_bytes_ = 0;
  CachedSegments cached_;            // of sealed_
  std::uint64_t removed_bytes_ = 0;  // of segments whose names a loss of power may bring back
  std::uint64_t table_bytes_ = 0;    // of received_
  bool refused_ = false;             // for want of room, since the last release
  std::unique_ptr<SegmentWriter> active_;
  OpenGroup group_;
  bool given_up_ = false;  // a group may stand behind the head that was given up
};

// Rot is fenced at once: a new segment that begins behind it keeps those offsets from ever being given again.
Result<void> LaneWriterImpl::start(bool rot) {
  if (rot) {
    if (auto created = create_segment(WallMs{}); !created) return created;
  }
  page_.store(Branch{synced_, options_.branch});
  page_.store(synced_);
  return {};
}

// What was refused may be there after a death and is then of the branch that ends here.
void LaneWriterImpl::begin_branch() {
  given_up_ = true;
  if (options_.branch == 0) return;
  ++options_.branch;
  page_.store(Branch{synced_, options_.branch});
}

Result<void> LaneWriterImpl::fence() {
  WAYSIDE_ASSERT(group_.empty());
  if (!given_up_ || active_) return {};
  auto created = create_segment(WallMs{});
  if (created) given_up_ = false;
  return created;
}

AppendOutcome LaneWriterImpl::append(ByteView body, std::string_view cohort, WallMs time, Offset* offset) {
  if (body.size() > options_.record_bytes_max) return AppendOutcome::record_too_large;
  const AppendOutcome room = room_for(framed_bytes(body.size()), 1);
  if (room != AppendOutcome::appended) return room;
  if (offset != nullptr) *offset = group_.end();
  group_.append(identity_, cohort, received_, time, body);
  return AppendOutcome::appended;
}

// Beside what the segments hold: the footer that ends the active one; a group that may stand twice, where its write
// failed in the active segment and the cut of it is not durable, and in a segment of its own; and one that is begun
// without a record, behind damage or for room. Whatever begins at the same offset takes the place of what stood there.
std::uint64_t LaneWriterImpl::bytes_after(std::uint64_t framed, std::size_t records) const {
  const std::uint64_t footer = footer_bytes(table_bytes_ + group_.table_bytes(records));
  const std::uint64_t segment = kHeaderBytes + footer;
  const std::uint64_t held = bytes() + (active_ ? footer : 0) + segment;
  const std::uint64_t group = group_.bytes_with(framed, records);
  if (group == 0) return held;
  const std::uint64_t in_active = active_ && !active_->empty() ? std::min(group, active_->room()) : 0;
  return held + segment + std::max(group, 2 * in_active);
}

AppendOutcome LaneWriterImpl::room_for(std::uint64_t framed, std::size_t records) {
  const std::uint64_t group = group_.bytes_with(framed, records);
  const std::uint64_t segment = kHeaderBytes + footer_bytes(table_bytes_ + group_.table_bytes(records));
  if (framed > kGroupBytesMax || 3 * segment + group - group_.body_bytes() > options_.lane_bytes_max) {
    return AppendOutcome::record_too_large;
  }
  if (group_.body_bytes() + framed > kGroupBytesMax) return AppendOutcome::lane_full;
  if (bytes_after(framed, records) <= options_.lane_bytes_max) return AppendOutcome::appended;
  refused_ = true;
  return AppendOutcome::lane_full;
}

Result<Offset> LaneWriterImpl::commit(WallMs now) {
  if (group_.empty()) return synced_;
  auto written = write_group(now);
  if (!written) {
    abandon_active();
    written = write_group(now);
  }
  if (!written) {
    abandon_active();
    group_.begin(synced_, digest_);
    begin_branch();
    return std::move(written).error();
  }
  given_up_ = false;
  publish();
  cached_.trim();
  return synced_;
}

Result<void> LaneWriterImpl::write_group(WallMs now) {
  const ByteView sectors = group_.sectors(identity_, synced_, now, received_);
  if (active_ && !active_->fits(sectors.size())) {
    // What is in it is synced; a footer that cannot be written only makes a later open slower.
    static_cast<void>(seal_active());
  }
  if (!active_) {
    if (auto created = create_segment(now); !created) return created;
  }
  return active_->write_group(sectors, group_.end(), group_.digest());
}

Result<void> LaneWriterImpl::create_segment(WallMs now) {
  SegmentHeader header;
  header.identity = identity_;
  header.base = synced_;
  header.digest = digest_;
  header.made_up = source_ == DigestSource::made_up;
  header.branch = options_.branch;
  header.created = now;
  header.received = received_;
  auto created = SegmentWriter::create(disk_, options_.dir, header, options_.segment_bytes_max);
  if (!created) return std::move(created).error();
  active_ = std::move(created).value();
  if (!sealed_.empty() && sealed_.back().base == synced_) {  // an empty one, replaced by its name
    sealed_bytes_ -= sealed_.back().bytes;
    cached_.removed(synced_);
    sealed_.pop_back();
  }
  return {};
}

void LaneWriterImpl::retire_active() {
  sealed_.push_back({active_->base(), active_->bytes()});
  sealed_bytes_ += active_->bytes();
  active_.reset();
}

// What a failed sync left in memory may be nowhere else: such a file is never let go.
Result<void> LaneWriterImpl::seal_active() {
  auto sealed = active_->seal(received_);
  if (sealed) {
    cached_.sealed({active_->base(), active_->bytes()});
  } else {
    active_->abandon(received_);  // half a footer may stand in it
  }
  retire_active();
  return sealed;
}

void LaneWriterImpl::abandon_active() {
  if (!active_) return;
  active_->abandon(received_);
  retire_active();
}

void LaneWriterImpl::publish() {
  group_.add_to(received_);
  table_bytes_ = table_bytes(received_);
  synced_ = group_.end();
  digest_ = group_.digest();
  source_ = DigestSource::stored;
  group_.begin(synced_, digest_);
  WAYSIDE_ASSERT(synced_ <= appended());
  page_.store(synced_);
}

Offset LaneWriterImpl::next_base(std::size_t index) const {
  if (index + 1 < sealed_.size()) return sealed_[index + 1].base;
  return active_ ? active_->base() : Offset{UINT64_MAX};
}

Result<std::uint64_t> LaneWriterImpl::release_below(Offset settled) {
  WAYSIDE_ASSERT(settled <= synced_);
  // A lane as small as its active segment would stay full for ever with nothing pending: begin a new one.
  const bool stuck = settled == synced_ && group_.empty() && active_ && !active_->empty();
  if (stuck && (bytes() > options_.lane_bytes_max / 2 || std::exchange(refused_, false))) {
    if (auto sealed = seal(); !sealed) return std::move(sealed).error();
    if (auto created = create_segment(WallMs{}); !created) return std::move(created).error();
  }
  while (!sealed_.empty() && next_base(0) <= settled) {
    if (auto removed = disk_.remove(segment_path(options_.dir, sealed_.front().base)); !removed) {
      if (removed.error().fault != Fault::not_found) return std::move(removed).error();
    }
    cached_.removed(sealed_.front().base);
    removed_bytes_ += sealed_.front().bytes;
    sealed_bytes_ -= sealed_.front().bytes;
    sealed_.erase(sealed_.begin());
  }
  if (removed_bytes_ > 0) {
    if (auto synced = disk_.fsync_dir(options_.dir); !synced) return std::move(synced).error();
  }
  return std::exchange(removed_bytes_, 0);
}

Result<void> LaneWriterImpl::seal() {
  WAYSIDE_ASSERT(group_.empty());
  if (!active_) return {};
  auto sealed = seal_active();
  cached_.trim();
  return sealed;
}

}  // namespace

std::uint64_t framed_bytes(std::size_t body_bytes) { return kRecordFrameBytes + body_bytes; }

Result<std::unique_ptr<LaneWriter>> LaneWriter::open(Disk& disk, LaneOptions options, Offset known_next,
                                                     Recovery* recovery) {
  Recovery own;
  Recovery& report = recovery != nullptr ? *recovery : own;
  report = {};
  if (auto made = disk.make_dir(options.dir); !made) return std::move(made).error();
  if (auto synced = disk.fsync_dir(parent_of(options.dir)); !synced) return std::move(synced).error();
  auto page = SyncedPage::open(disk, options.dir);
  if (!page) return std::move(page).error();
  const Evidence evidence{page->evidence(), known_next, options.known_digest};
  auto state = recover_lane(disk, options.dir, {options.uuid, options.lane}, evidence, report);
  if (!state) return std::move(state).error().with("lane " + options.dir);
  const bool rot = state->rot;
  auto writer =
      std::make_unique<LaneWriterImpl>(disk, std::move(options), std::move(page).value(), std::move(state).value());
  if (auto started = writer->start(rot); !started) return std::move(started).error();
  return std::unique_ptr<LaneWriter>(std::move(writer));
}

}  // namespace wayside::spool
