#include "spool/move.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "spool/lane.h"
#include "spool/spool.h"

namespace wayside::spool {
namespace {

constexpr std::size_t kReadRecords = 1'000;
constexpr std::uint64_t kReadBytes = 1U << 20U;

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

Result<bool> is_spool(Disk& disk, const std::string& root) { return disk.exists(root + "/spool.uuid"); }

Result<void> remove_all(Disk& disk, const std::string& dir) {
  auto names = disk.list(dir);
  if (!names) return std::move(names).error();
  for (const std::string& name : *names) {
    if (auto removed = disk.remove(dir + "/" + name); !removed) return removed;
  }
  return disk.remove(dir);
}

// A spool's folder with its lanes.
Result<void> remove_spool(Disk& disk, const std::string& root) {
  for (const Lane lane : kAllLanes) {
    const std::string dir = root + "/" + to_string(lane);
    auto there = disk.exists(dir);
    if (!there) return std::move(there).error();
    if (!*there) continue;
    if (auto removed = remove_all(disk, dir); !removed) return removed;
  }
  auto there = disk.exists(root);
  if (!there) return std::move(there).error();
  return *there ? remove_all(disk, root) : Result<void>();
}

// Owns     both volumes while records move from one to the other.
// Thread   one.
// Durable  each step; whoever dies, the next one goes on from what both volumes hold.
// Limits   one group of kReadBytes in memory; of the old lane a segment goes as soon as it has moved.
class Move {
 public:
  Move(Disk& disk, const std::string& root, const MoveOptions& options)
      : disk_(disk), root_(root), next_(root + ".next"), closed_(root + ".closed"), options_(options) {}
  Result<MoveOutcome> run(bool begins);

 private:
  Result<std::optional<ClosingMark>> mark_of(const SpoolUuid& uuid);
  Result<MoveOutcome> move(const ClosingMark& mark);
  Result<void> begin(const ClosingMark& mark);
  Result<void> move_lane(Lane lane);
  Result<Offset> move_group(Lane lane, Offset from, LaneWriter& to);
  Result<void> take_place();
  Result<std::unique_ptr<LaneWriter>> open_old(Lane lane);

  Disk& disk_;
  const std::string root_;
  const std::string next_;
  const std::string closed_;
  const MoveOptions& options_;
  Volume old_;
  Volume settler_;
  Volume fresh_;
  MovedFrom moved_;
  std::array<std::unique_ptr<LaneWriter>, kLanes> old_writers_;
  std::array<std::unique_ptr<LaneReader>, kLanes> old_readers_;
};

Result<MoveOutcome> Move::run(bool begins) {
  const Result<bool> root = is_spool(disk_, root_);
  if (!root) return root.error();
  const Result<bool> next = is_spool(disk_, next_);
  if (!next) return next.error();
  if (!*root) {
    const Result<bool> closed = is_spool(disk_, closed_);
    if (!closed) return closed.error();
    if (!*closed) return MoveOutcome::none;
    if (!*next) return Error{Fault::corrupt, closed_ + " is there and neither " + root_ + " nor " + next_, 0};
    if (auto taken = take_place(); !taken) return std::move(taken).error();
    return MoveOutcome::moved;
  }
  static_cast<void>(remove_spool(disk_, closed_));  // what is left of the last time; tried again at the next start
  const Result<Volume> volume = open_volume(disk_, root_, VolumeRole::reader, {});
  if (!volume) return volume.error();
  const Result<std::optional<ClosingMark>> mark = mark_of(volume->uuid);
  if (!mark) return mark.error();
  if (!*mark) return MoveOutcome::none;
  return *next || begins ? move(**mark) : MoveOutcome::waiting;
}

// Once it has begun, either of two files says where the lanes are cut.
Result<std::optional<ClosingMark>> Move::mark_of(const SpoolUuid& uuid) {
  auto mark = load_closing(disk_, root_, uuid);
  if (!mark || *mark) return mark;
  const Result<bool> begun = is_spool(disk_, next_);
  if (!begun) return begun.error();
  if (!*begun) return mark;
  const Result<Volume> fresh = open_volume(disk_, next_, VolumeRole::reader, {});
  if (!fresh) return fresh.error();
  const auto moved = load_moved(disk_, next_, fresh->uuid);
  if (!moved) return moved.error();
  if (!*moved || (*moved)->from != uuid) return Error{Fault::corrupt, next_ + " does not say what it is to hold", 0};
  ClosingMark out;
  out.uuid = uuid;
  for (const Lane lane : kAllLanes) out.lanes[index_of(lane)] = (*moved)->lanes[index_of(lane)].end;
  return std::optional<ClosingMark>(out);
}

Result<MoveOutcome> Move::move(const ClosingMark& mark) {
  Result<Volume> old = open_volume(disk_, root_, VolumeRole::writer, {});
  if (!old) return std::move(old).error();
  old_ = std::move(*old);
  Result<Volume> settler = open_volume(disk_, root_, VolumeRole::settler, {});
  if (!settler && settler.error().fault == Fault::locked) return MoveOutcome::waiting;
  if (!settler) return std::move(settler).error();
  settler_ = std::move(*settler);
  if (auto begun = begin(mark); !begun) return std::move(begun).error();
  for (const Lane lane : kAllLanes) {
    if (auto done = move_lane(lane); !done) {
      return std::move(done).error().with(std::string("move of lane ") + to_string(lane));
    }
  }
  old_writers_ = {};
  old_readers_ = {};
  fresh_.lock.reset();
  if (auto taken = take_place(); !taken) return std::move(taken).error();
  return MoveOutcome::moved;
}

Result<std::unique_ptr<LaneWriter>> Move::open_old(Lane lane) {
  const std::string dir = old_.lane_dir(lane);
  const auto settled = read_settled(disk_, dir, old_.uuid, lane);
  if (!settled) return settled.error();
  LaneOptions options;
  options.dir = dir;
  options.lane = lane;
  options.uuid = old_.uuid;
  options.known_digest = settled->digest;
  return LaneWriter::open(disk_, options, settled->next, nullptr);
}

// The identity of the new spool is what says that it has begun: from then on nobody opens the old one as it is.
Result<void> Move::begin(const ClosingMark& mark) {
  for (const Lane lane : kAllLanes) {
    auto writer = open_old(lane);
    if (!writer) return std::move(writer).error();
    old_writers_[index_of(lane)] = std::move(*writer);
    auto reader = LaneReader::open(disk_, old_.lane_dir(lane), old_.uuid, lane);
    if (!reader) return std::move(reader).error();
    old_readers_[index_of(lane)] = std::move(*reader);
  }
  if (auto made = disk_.make_dir(next_); !made) return made;
  if (auto synced = disk_.fsync_dir(parent_of(next_)); !synced) return synced;
  Result<Volume> fresh = open_volume(disk_, next_, VolumeRole::writer, options_.fresh);
  if (!fresh) return std::move(fresh).error();
  fresh_ = std::move(*fresh);
  auto known = load_moved(disk_, next_, fresh_.uuid);
  if (!known) return std::move(known).error();
  if (*known) {
    moved_ = **known;
    if (moved_.from == old_.uuid) return {};
    return Error{Fault::corrupt, next_ + " holds records of " + to_string(moved_.from), 0};
  }
  moved_.uuid = fresh_.uuid;
  moved_.from = old_.uuid;
  moved_.at = options_.now;
  for (const Lane lane : kAllLanes) {
    const std::size_t i = index_of(lane);
    moved_.lanes[i].end = mark.lanes[i];
    moved_.lanes[i].head = std::max(mark.lanes[i].common, old_writers_[i]->synced());
  }
  return store_moved(disk_, next_, moved_);
}

Result<void> Move::move_lane(Lane lane) {
  const std::size_t i = index_of(lane);
  LaneOptions options;
  options.dir = fresh_.lane_dir(lane);
  options.lane = lane;
  options.uuid = fresh_.uuid;
  options.branch = options_.branch;
  options.segment_bytes_max = options_.segment_bytes_max;
  // What was acknowledged has its place, whatever the bounds are now.
  options.lane_bytes_max = std::numeric_limits<std::uint64_t>::max();
  options.record_bytes_max = std::numeric_limits<std::uint32_t>::max();
  auto writer = LaneWriter::open(disk_, options, {}, nullptr);
  if (!writer) return std::move(writer).error();
  const Offset head = old_writers_[i]->synced();
  Offset from = moved_.lanes[i].end.common + (*writer)->synced().value;
  while (true) {
    const auto freed = old_writers_[i]->release_below(std::min(from, head));
    if (!freed) return freed.error();
    if (from >= head) break;
    auto moved = move_group(lane, from, **writer);
    if (!moved) return std::move(moved).error();
    from = *moved;
  }
  return (*writer)->seal();
}

// What can be read no more keeps its place: a record without a body is counted lost when its batch is planned.
Result<Offset> Move::move_group(Lane lane, Offset from, LaneWriter& to) {
  LaneReader& reader = *old_readers_[index_of(lane)];
  const Result<Offset> oldest = reader.oldest();
  if (!oldest) return oldest.error();
  std::vector<ReadRecord> records;
  if (from < *oldest) {
    records.resize(std::min<std::uint64_t>(*oldest - from, kReadRecords));
  } else {
    auto read = reader.read(from, kReadRecords, kReadBytes);
    if (!read) return std::move(read).error();
    records = std::move(*read);
  }
  if (records.empty()) return Error{Fault::corrupt, "nothing reads at offset " + std::to_string(from.value), 0};
  for (const ReadRecord& record : records) {
    const std::string cohort = options_.cohort_of && !record.lost ? options_.cohort_of(record.body) : std::string();
    const AppendOutcome appended = to.append(record.body, cohort, record.time, nullptr);
    WAYSIDE_ASSERT(appended == AppendOutcome::appended);
  }
  if (auto committed = to.commit(options_.now); !committed) return std::move(committed).error();
  return from + records.size();
}

// Two renames in one folder: in between there is no spool of that name, and `closed` says which one follows.
Result<void> Move::take_place() {
  const std::string parent = parent_of(root_);
  const Result<bool> root = is_spool(disk_, root_);
  if (!root) return root.error();
  if (*root) {
    if (auto cleared = remove_spool(disk_, closed_); !cleared) return cleared;
    if (auto renamed = disk_.rename(root_, closed_); !renamed) return renamed;
    if (auto synced = disk_.fsync_dir(parent); !synced) return synced;
  }
  if (auto renamed = disk_.rename(next_, root_); !renamed) return renamed;
  if (auto synced = disk_.fsync_dir(parent); !synced) return synced;
  static_cast<void>(remove_spool(disk_, closed_));
  return {};
}

}  // namespace

Result<MoveOutcome> finish_move(Disk& disk, const std::string& root, const MoveOptions& options) {
  return Move(disk, root, options).run(false);
}

Result<MoveOutcome> move_spool(Disk& disk, const std::string& root, const MoveOptions& options) {
  return Move(disk, root, options).run(true);
}

Result<bool> may_move(Disk& disk, const std::string& root, const SpoolUuid& uuid) {
  const auto mark = load_closing(disk, root, uuid);
  if (!mark) return mark.error();
  if (!*mark) return false;
  const auto settler = open_volume(disk, root, VolumeRole::settler, {});
  if (!settler && settler.error().fault != Fault::locked) return settler.error();
  return settler.ok();
}

}  // namespace wayside::spool
