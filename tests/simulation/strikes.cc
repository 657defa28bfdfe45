// What strikes a history: failing and slow disks, deaths, cut links, clocks, rot, an old copy of the volume.
#include <algorithm>

#include "spool/segment_file.h"
#include "tests/simulation/history.h"
#include "tests/simulation/sink_view.h"

namespace wayside::test {
namespace {

constexpr std::size_t kHeaderBytes = 32U << 10U;  // of a segment

}  // namespace

// A call fails up to three times, somewhere ahead: in a commit, a settlement, a checkpoint, a turn of the sink.
void History::fail_disk(SimDisk& disk, Struck first) {
  constexpr std::array<SimCall, 8> kCalls = {SimCall::fdatasync, SimCall::pwrite, SimCall::pwrite,    SimCall::rename,
                                             SimCall::fsync_dir, SimCall::open,   SimCall::fallocate, SimCall::pread};
  const std::size_t choice = world_.rng.below(kCalls.size());
  const bool no_space = choice == 2 || kCalls.at(choice) == SimCall::fallocate;
  const std::size_t side = first == Struck::edge_fdatasync ? 0 : 1;
  if (kCalls.at(choice) == SimCall::pwrite) no_space_.at(side) = no_space;
  disk.fail(kCalls.at(choice), no_space ? Fault::no_space : Fault::io, static_cast<unsigned>(world_.rng.below(4)),
            static_cast<unsigned>(1 + world_.rng.below(3)));
}

void History::stop(StepKind kind) {
  switch (kind) {
    case StepKind::kill_edge:
      if (world_.edge) struck(Struck::edge_killed);
      return world_.stop_edge();
    case StepKind::kill_core:
      if (world_.core) struck(Struck::core_killed);
      return world_.stop_core();
    case StepKind::kill_broker:
      if (world_.broker) struck(Struck::broker_killed);
      return world_.stop_broker();
    case StepKind::edge_power: struck(Struck::edge_power_loss); return world_.edge_power_loss();
    default: struck(Struck::core_power_loss); return world_.core_power_loss();
  }
}

void History::cut_link(bool both) {
  const bool up = world_.rng.below(2) == 0;
  world_.cut_up = both || up;
  world_.cut_down = both || !up;
}

void History::step_clock() {
  constexpr std::array<std::int64_t, 4> kSteps = {1'000, 60'000, 3'600'000, 86'400'000};
  const bool back = world_.rng.below(2) == 0;
  const std::int64_t ms = kSteps.at(world_.rng.below(kSteps.size()));
  struck(back ? Struck::clock_back : Struck::clock_ahead);
  world_.clock.step_wall_ms(back ? -ms : ms);
}

// One bit of a segment, mostly behind its header and never behind its last byte that is not zero. Of a segment that
// holds what the core has not got, where there is one.
void History::rot() {
  const Lane lane = kAllLanes.at(world_.rng.below(kLanes));
  const std::string prefix = std::string(kSpoolRoot) + "/" + to_string(lane) + "/";
  std::vector<std::string> segments;
  for (const std::string& path : world_.edge_disk.files()) {
    if (path.starts_with(prefix) && path.ends_with(".seg")) segments.push_back(path);
  }
  if (segments.empty()) return;
  const std::size_t at = world_.rng.below(2) == 0 ? segments.size() - 1 : world_.rng.below(segments.size());
  const Bytes content = world_.edge_disk.content(segments[at]);
  const auto last = std::find_if(content.rbegin(), content.rend(), [](std::uint8_t byte) { return byte != 0; });
  const auto size = static_cast<std::uint64_t>(content.rend() - last);
  if (size == 0) return;
  const bool in_header = size <= kHeaderBytes || world_.rng.below(10) == 0;
  const std::uint64_t byte = in_header ? world_.rng.below(std::min<std::uint64_t>(size, kHeaderBytes))
                                       : kHeaderBytes + world_.rng.below(size - kHeaderBytes);
  struck(at + 1 == segments.size() ? Struck::rot_tail : Struck::rot_sealed);
  world_.edge_disk.flip_bit(segments[at], byte, static_cast<unsigned>(world_.rng.below(8)));
  world_.rotted[index_of(lane)] = true;
  expected_.lost_max[index_of(lane)] += group_max_[index_of(lane)];
}

// One bit of the core log below its last batch. A damaged last one may be there twice after a start of the core
// (docs/failure-modes.md). What can be read no more is what may be missing.
void History::rot_core_log() {
  const Lane lane = kAllLanes.at(world_.rng.below(kLanes));
  const std::string prefix = std::string(kCoreRoot) + "/" + to_string(lane) + "/";
  std::vector<std::string> segments;
  for (const std::string& path : world_.core_disk.files()) {
    if (path.starts_with(prefix) && path.ends_with(".seg")) segments.push_back(path);
  }
  if (segments.empty()) return;
  const std::string& path = segments.at(world_.rng.below(segments.size()));
  const Bytes content = world_.core_disk.content(path);
  if (content.size() <= kHeaderBytes) return;
  const auto last = std::find_if(content.rbegin(), content.rend(), [](std::uint8_t byte) { return byte != 0; });
  const auto size = static_cast<std::uint64_t>(content.rend() - last);
  if (size <= kHeaderBytes) return;
  const std::uint64_t byte = kHeaderBytes + world_.rng.below(size - kHeaderBytes);
  const auto bit = static_cast<unsigned>(world_.rng.below(8));
  SimDisk apart;
  (void)apart.make_dir(prefix.substr(0, prefix.size() - 1));
  apart.put_back(world_.core_disk.image());
  const auto before = core_records(apart, lane);
  apart.flip_bit(path, byte, bit);
  const auto after = core_records(apart, lane);
  if (before.empty()) return;
  std::uint64_t last_batch = before.rbegin()->first;
  while (last_batch > 0 && before.contains(last_batch) && !before.at(last_batch).first_of_batch) --last_batch;
  std::map<SpoolUuid, std::set<std::uint64_t>> damaged;
  for (const auto& [offset, record] : before) {
    if (after.contains(offset)) continue;
    if (offset >= last_batch) return;
    for (std::uint64_t n = 0; n < record.count; ++n) damaged[record.uuid].insert(record.first.value + n);
  }
  if (damaged.empty()) return;
  struck(Struck::rot_core_log);
  world_.core_disk.flip_bit(path, byte, bit);
  for (auto& [uuid, offsets] : damaged) world_.core_rot[uuid][index_of(lane)].merge(offsets);
}

// What the core knows comes back with its NEXT: nothing may be lost by it.
void History::rot_settlement() {
  const std::string path =
      std::string(kSpoolRoot) + "/" + to_string(kAllLanes.at(world_.rng.below(kLanes))) + "/" + spool::kSettlementFile;
  if (!*world_.edge_disk.exists(path)) return;
  const std::uint64_t size = world_.edge_disk.content(path).size();
  if (size == 0) return;
  struck(Struck::rot_settlement);
  world_.edge_disk.flip_bit(path, world_.rng.below(size), static_cast<unsigned>(world_.rng.below(8)));
}

// Whatever starts next on that volume refuses it, until a person puts the file back.
void History::rot_identity() {
  const std::size_t side = world_.rng.below(2);
  SimDisk& disk = side == 0 ? world_.edge_disk : world_.core_disk;
  const std::string path = std::string(side == 0 ? kSpoolRoot : kCoreRoot) + "/spool.uuid";
  if (identity_.at(side) || !*disk.exists(path)) return;
  identity_.at(side) = disk.content(path);
  struck(Struck::rot_identity);
  disk.flip_bit(path, world_.rng.below(identity_.at(side)->size()), static_cast<unsigned>(world_.rng.below(8)));
}

void History::mend_identity(std::size_t side) {
  if (!identity_.at(side)) return;
  const std::string path = std::string(side == 0 ? kSpoolRoot : kCoreRoot) + "/spool.uuid";
  (side == 0 ? world_.edge_disk : world_.core_disk).put(path, *std::exchange(identity_.at(side), std::nullopt));
}

// At rest or not: a copy of a running volume is as good as the volume after a kill.
void History::copy_volume() {
  if (copy_ || !world_.broker || identity_[0]) return;
  copy_ = Copy{world_.edge_disk.image(), world_.committed, world_.journal, world_.refused, world_.spool_uuid};
}

void History::restore_volume() {
  if (!copy_ || expected_.restored || !world_.past.empty()) return;
  struck(Struck::volume_restored);
  world_.stop_edge();
  world_.stop_broker();
  world_.edge_disk.put_back(copy_->image);
  identity_[0].reset();
  expected_.restored = true;
  expected_.before_restore = world_.journal;
  world_.committed = copy_->committed;
  world_.journal = copy_->journal;
  world_.refused = copy_->refused;
  world_.spool_uuid = copy_->uuid;
  copy_.reset();
}

}  // namespace wayside::test
