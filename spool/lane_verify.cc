#include <algorithm>

#include "spool/chain.h"
#include "spool/inspect.h"
#include "spool/segment_walker.h"
#include "spool/settlement_check.h"

namespace wayside::spool {
namespace {

constexpr std::uint64_t kProgressBytes = 4U << 20U;

// One pass over a lane. `digest_` is computed here and compared with what the files store.
class LaneVerify {
 public:
  LaneVerify(Disk& disk, const std::string& dir, const Identity& identity, const VerifyOptions& options)
      : disk_(disk), dir_(dir), identity_(identity), options_(options) {}
  Result<LaneVerdict> run();

 private:
  Result<void> look();
  void expect_sealed();
  Result<void> check_oldest();
  [[nodiscard]] Damage gone_below(Offset end, std::string what) const;
  Result<void> segment(std::size_t index);
  Result<bool> released(Offset base);
  void begin_segment();
  Result<void> records(Offset limit);
  Result<void> take(const Step& step);
  void enter_group();
  Result<void> lose(const Step& step, std::uint64_t from);
  Result<void> lose_rest(Offset limit);
  Result<void> close_run();
  Result<void> check_footer();
  void compare_settled(Offset at);
  void report(Damage damage);
  void evidence(std::string what, std::uint64_t at, std::uint64_t bytes);
  void progress();

  Disk& disk_;
  const std::string& dir_;
  Identity identity_;
  const VerifyOptions& options_;
  LaneVerdict verdict_;
  std::vector<Offset> bases_;
  std::optional<SettlementEntry> settlement_;
  std::unique_ptr<SegmentWalker> walker_;
  std::string path_;
  Digest digest_;
  bool chained_ = false;    // digest_ is known, not assumed
  bool whole_ = true;       // nothing of this segment is lost
  Offset damaged_until_{};  // links below it are made up until a stored digest follows
  Received received_;
  std::optional<Damage> run_;
  std::uint64_t run_to_ = 0;
  std::vector<Damage> pending_;  // wait for the time of the next intact record
  std::optional<WallMs> time_;
  std::uint64_t read_before_ = 0;
  std::uint64_t told_ = 0;
};

Result<LaneVerdict> LaneVerify::run() {
  if (auto done = look(); !done) return std::move(done).error();
  for (std::size_t i = 0; i < bases_.size() && bases_[i] < verdict_.synced; ++i) {
    if (auto done = segment(i); !done) return std::move(done).error().with(segment_path(dir_, bases_[i]));
  }
  for (Damage& damage : pending_) report(std::move(damage));
  verdict_.digest = digest_;
  return std::move(verdict_);
}

// Settlement, page, segments: read in this order a lane in motion never is settled beyond its head, and no segment
// below the head is missed.
Result<void> LaneVerify::look() {
  auto settled = check_settlement(disk_, dir_, identity_);
  if (!settled) return std::move(settled).error();
  settlement_ = std::move(settled->last);
  if (settlement_) verdict_.settled = settlement_->standing.next;
  auto page = check_synced_page(disk_, dir_);
  if (!page) return std::move(page).error();
  // A loss of power takes the page back; what was settled was synced.
  verdict_.synced = std::max(page->synced, verdict_.settled);
  auto bases = list_segments(disk_, dir_);
  if (!bases) return std::move(bases).error();
  bases_ = std::move(bases).value();
  verdict_.segments = bases_.size();
  verdict_.oldest = bases_.empty() ? verdict_.synced : std::min(bases_.front(), verdict_.synced);
  for (auto* found : {&page->damages, &settled->damages}) {
    for (Damage& damage : *found) report(std::move(damage));
  }
  expect_sealed();
  return check_oldest();
}

// Not the last segment: a writer may be at work in it. And not before the page was read: what is read ahead holds all
// that the page speaks of.
void LaneVerify::expect_sealed() {
  std::vector<std::string> paths;
  for (std::size_t i = 0; i + 1 < bases_.size() && bases_[i] < verdict_.synced; ++i) {
    paths.push_back(segment_path(dir_, bases_[i]));
  }
  if (!paths.empty()) disk_.expect_reads(paths);
}

// Retention follows the settlement: what it deleted meanwhile a newer settlement explains.
Result<void> LaneVerify::check_oldest() {
  if (!settlement_ || verdict_.settled >= verdict_.oldest) {
    if (bases_.empty() && verdict_.synced > Offset{}) report(gone_below(verdict_.synced, "no segment is left"));
    return {};
  }
  auto now = read_settled(disk_, dir_, identity_.uuid, identity_.lane);
  if (!now) return std::move(now).error();
  verdict_.settled = now->next;
  if (verdict_.settled < verdict_.oldest) {
    report(gone_below(verdict_.oldest,
                      bases_.empty() ? "no segment is left" : "segments are gone that were never settled"));
  }
  return {};
}

Damage LaneVerify::gone_below(Offset end, std::string what) const {
  return {dir_, std::move(what), std::min(verdict_.settled, end), end, 0, 0, {}, {}};
}

// Retention may delete a segment while this reads: then older ones are gone too.
Result<bool> LaneVerify::released(Offset base) {
  auto now = list_segments(disk_, dir_);
  if (!now) return std::move(now).error();
  return !now->empty() && now->front() > base;
}

Result<void> LaneVerify::segment(std::size_t index) {
  const Offset base = bases_[index];
  path_ = segment_path(dir_, base);
  const Offset limit = std::min(index + 1 < bases_.size() ? bases_[index + 1] : verdict_.synced, verdict_.synced);
  auto walker = SegmentWalker::open(disk_, dir_, identity_, base);
  if (!walker) {
    if (walker.error().fault != Fault::not_found) return std::move(walker).error();
    auto gone = released(base);
    if (!gone) return std::move(gone).error();
    chained_ = false;
    if (*gone) {
      verdict_.oldest = limit;
      return {};
    }
    pending_.push_back({path_, "the segment is gone", base, limit, 0, 0, time_, {}});
    return {};
  }
  walker_ = std::move(walker).value();
  begin_segment();
  if (auto done = records(limit); !done) return done;
  if (auto done = close_run(); !done) return done;
  auto size = walker_->file().size();
  if (!size) return std::move(size).error();
  read_before_ += *size;
  verdict_.bytes = read_before_;
  return check_footer();
}

void LaneVerify::begin_segment() {
  whole_ = true;
  damaged_until_ = {};
  if (!walker_->header()) {
    evidence("the header is damaged", 0, kHeaderBytes);
    if (chained_) walker_->assume_digest(digest_);
    return;
  }
  const SegmentHeader& header = *walker_->header();
  if (header.base == Offset{}) chained_ = true;
  if (chained_ && header.digest != digest_) evidence("the header does not continue the chain", 0, kHeaderBytes);
  if (sum(header.received) != header.base.value) {
    evidence("the totals of the header are not its offset", kCohortsAt, kHeaderBytes - kCohortsAt);
  }
  digest_ = header.digest;
  received_ = header.received;
  chained_ = true;
  compare_settled(header.base);
}

Result<void> LaneVerify::records(Offset limit) {
  while (walker_->offset() < limit) {
    const std::uint64_t from = walker_->position();
    auto step = walker_->next(limit);
    if (!step) return std::move(step).error();
    if (step->kind == Step::Kind::end) return lose_rest(limit);
    auto done = step->kind == Step::Kind::lost ? lose(*step, from) : take(*step);
    if (!done) return done;
    progress();
  }
  return {};
}

void LaneVerify::enter_group() {
  const GroupHeader& group = walker_->group();
  if (chained_ && group.before != digest_) {
    evidence("the group at offset " + std::to_string(group.base.value) + " does not continue the chain",
             walker_->group_position(), group.padded_bytes());
  }
  digest_ = group.before;
  chained_ = true;
  for (const auto& [cohort, count] : group.received) received_[cohort] = count;
}

Result<void> LaneVerify::take(const Step& step) {
  const GroupHeader& group = walker_->group();
  const WallMs time = step.time;
  if (step.offset == group.base) enter_group();
  if (step.offset + 1 == group.end() && damaged_until_ <= group.base &&
      chain(digest_, step.offset, step.time, step.body) != step.after) {
    evidence("the group at offset " + std::to_string(group.base.value) + " does not end with its digest",
             walker_->group_position(), group.padded_bytes());
  }
  digest_ = step.after;
  ++verdict_.records;
  if (auto done = close_run(); !done) return done;  // its reading invalidates the step's body
  for (Damage& damage : pending_) {
    damage.before = time;
    report(std::move(damage));
  }
  pending_.clear();
  time_ = time;
  if (damaged_until_ <= group.base || step.offset + 1 == group.end()) compare_settled(step.offset + 1);
  return {};
}

// `from`: where the walker stood before this step.
Result<void> LaneVerify::lose(const Step& step, std::uint64_t from) {
  const GroupHeader& group = walker_->group();
  const bool inside = step.offset >= group.base && step.offset < group.end();
  const std::uint64_t begin = inside ? walker_->group_position() + group.header_bytes : from;
  const std::uint64_t end = inside ? begin + group.body_bytes : walker_->group_position();
  if (inside && step.offset == group.base) {
    if (auto done = close_run(); !done) return done;
    enter_group();
  }
  if (!run_) {
    run_ = Damage{
        path_, inside ? "a record is damaged" : "a group is damaged", step.offset, step.offset, begin, 0, time_, {}};
  }
  run_->end = step.offset + 1;
  run_to_ = end;
  digest_ = step.after;
  damaged_until_ = step.offset + 1;
  whole_ = false;
  return {};
}

Result<void> LaneVerify::lose_rest(Offset limit) {
  auto size = walker_->file().size();
  if (!size) return std::move(size).error();
  if (!run_) {
    run_ = Damage{
        path_, "nothing intact follows in the segment", walker_->offset(), limit, walker_->position(), 0, time_, {}};
  }
  run_->end = limit;
  run_to_ = std::max(*size, run_->at);
  digest_ = chain_lost(digest_, {limit.value - 1});
  chained_ = false;
  whole_ = false;
  return {};
}

Result<void> LaneVerify::close_run() {
  if (!run_) return {};
  Damage damage = std::move(*run_);
  run_.reset();
  damage.bytes = run_to_ - damage.at;
  pending_.push_back(damage);
  if (!options_.on_salvage) return {};
  return salvage(walker_->file(), identity_, damage.at, run_to_, damage.first, damage.end, options_.on_salvage);
}

Result<void> LaneVerify::check_footer() {
  FileWindow& file = walker_->file();
  auto footer = read_footer(identity_, file);
  if (!footer) return std::move(footer).error();
  if (!footer->has_value()) {
    auto size = file.size();
    if (!size) return std::move(size).error();
    auto sector = file.view(walker_->position(), kSectorBytes);
    if (!sector) return std::move(sector).error();
    const std::array<std::uint8_t, 4> magic = {'W', 'S', 'F', 'T'};
    const bool begun = (*sector).size() >= 4 && std::equal(magic.begin(), magic.end(), (*sector).begin());
    if (begun && whole_) evidence("the footer is damaged", walker_->position(), *size - walker_->position());
    return {};
  }
  const Footer& sealed = **footer;
  const bool reached = sealed.end == walker_->offset() && whole_;
  const std::uint64_t bytes = encode_footer(identity_, sealed).size();
  if (sealed.base != walker_->base()) evidence("the footer is another segment's", sealed.data_bytes, bytes);
  if (reached && sealed.digest != digest_) evidence("the footer's digest is not the chain's", sealed.data_bytes, bytes);
  if (reached && walker_->header() && sealed.received != received_) {
    evidence("the footer's totals are not the groups'", sealed.data_bytes, bytes);
  }
  return {};
}

void LaneVerify::compare_settled(Offset at) {
  if (!settlement_ || settlement_->standing.next != at || at == Offset{} || !chained_) return;
  if (settlement_->standing.digest == digest_) return;
  report(
      {dir_ + "/" + kSettlementFile,
       "the digest settled at offset " + std::to_string(at.value) + " is not the lane's: another history was settled",
       at,
       at,
       0,
       0,
       {},
       {}});
}

void LaneVerify::report(Damage damage) {
  verdict_.lost += damage.end - damage.first;
  if (verdict_.damages.size() < VerifyOptions::kDamagesMax) {
    verdict_.damages.push_back(std::move(damage));
  } else {
    ++verdict_.damages_left_out;
  }
}

void LaneVerify::evidence(std::string what, std::uint64_t at, std::uint64_t bytes) {
  const Offset here = walker_->offset();
  report({path_, std::move(what), here, here, at, bytes, time_, {}});
}

void LaneVerify::progress() {
  const std::uint64_t now = read_before_ + walker_->position();
  if (!options_.on_progress || now < told_ + kProgressBytes) return;
  told_ = now;
  options_.on_progress(now);
}

}  // namespace

Result<LaneVerdict> verify_lane(Disk& disk, const std::string& lane_dir, const Identity& identity,
                                const VerifyOptions& options) {
  return LaneVerify(disk, lane_dir, identity, options).run();
}

}  // namespace wayside::spool
