#include "tests/simulation/history.h"

#include <algorithm>

namespace wayside::test {
namespace {

constexpr Faults kLinkFaults{30, 30, 200};
constexpr unsigned kDrainTurns = 4'000;
constexpr std::size_t kHeaderBytes = 32U << 10U;  // of a segment

}  // namespace

History::History(const Script& script, const Planting& planting) : script_(script), world_(script.seed) {
  if (planting) planting(world_);
}

Verdict History::run(Coverage* coverage) {
  start_all();
  std::uint64_t number = 0;
  for (const Step& step : script_.steps) {
    note_stakes();
    struck_.clear();
    const LinkFaults before = world_.link_faults;
    world_.rng = SeededRng(step.seed);
    take(step);
    note_link(before);
    note_disk(world_.edge_disk, 0, Struck::edge_fdatasync);
    note_disk(world_.core_disk, 1, Struck::core_fdatasync);
    if (coverage != nullptr) {
      for (const Struck fault : struck_) coverage->hit(fault, stakes_);
    }
    std::string problem = check_step(world_, expected_, watch_);
    if (!problem.empty()) return {std::move(problem), number};
    ++number;
  }
  return {finish(), number};
}

void History::take(const Step& step) {
  switch (step.kind) {
    case StepKind::publish: return publish();
    case StepKind::deliver: return deliver();
    case StepKind::flush: return world_.core_event(bridge::core::Flush{});
    case StepKind::tick: return world_.tick(static_cast<std::int64_t>(world_.rng.below(200)));
    case StepKind::sink: return static_cast<void>(world_.sink_turn());  // what failed is opened again with the core
    case StepKind::release:
      if (world_.broker) world_.broker->release(world_.edge_disk);
      return;
    case StepKind::start:
      switch (world_.rng.below(3)) {
        case 0: world_.edge_disk.clear_faults(); return static_cast<void>(world_.start_broker());
        case 1: world_.edge_disk.clear_faults(); return static_cast<void>(world_.start_edge());
        default: world_.core_disk.clear_faults(); return static_cast<void>(world_.start_core());
      }
    case StepKind::heal: world_.cut_up = world_.cut_down = false; return;
    case StepKind::edge_disk_fault: return fail_disk(world_.edge_disk, Struck::edge_fdatasync);
    case StepKind::core_disk_fault: return fail_disk(world_.core_disk, Struck::core_fdatasync);
    case StepKind::kill_edge:
    case StepKind::kill_core:
    case StepKind::kill_broker:
    case StepKind::edge_power:
    case StepKind::core_power: return stop(step.kind);
    case StepKind::reconnect:
      if (!world_.edge) return;
      struck(Struck::reconnect);
      return world_.link_up();
    case StepKind::partition: return cut_link(true);
    case StepKind::half_open: return cut_link(false);
    case StepKind::clock_step: return step_clock();
    case StepKind::rot: return rot();
    case StepKind::copy_volume: return copy_volume();
    case StepKind::restore_volume: return restore_volume();
  }
}

void History::publish() {
  if (!world_.broker) return;
  const Lane lane = kAllLanes.at(world_.rng.below(kLanes));
  for (std::uint64_t n = 1 + world_.rng.below(12); n > 0; --n) {
    const std::string vehicle = "V" + std::to_string(world_.rng.below(4));
    world_.append(lane, record_body(lane, vehicle, ++sequence_, 20 + world_.rng.below(400)));
  }
  if (world_.rng.below(10) == 0) return;
  std::uint64_t& most = group_max_[index_of(lane)];
  most = std::max<std::uint64_t>(most, world_.open_group[index_of(lane)].size());
  (void)world_.commit(lane);
}

void History::deliver() {
  for (std::uint64_t n = 1 + world_.rng.below(3); n > 0; --n) (void)world_.deliver(kLinkFaults);
}

// A call fails up to three times, somewhere ahead: in a commit, a settlement, a checkpoint, a turn of the sink.
void History::fail_disk(SimDisk& disk, Struck first) {
  constexpr std::array<SimCall, 7> kCalls = {SimCall::fdatasync, SimCall::pwrite, SimCall::pwrite,   SimCall::rename,
                                             SimCall::fsync_dir, SimCall::open,   SimCall::fallocate};
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

// At rest or not: a copy of a running volume is as good as the volume after a kill.
void History::copy_volume() {
  if (copy_ || !world_.broker) return;
  copy_ = Copy{world_.edge_disk.image(), world_.committed, world_.journal, world_.refused};
}

void History::restore_volume() {
  if (!copy_ || expected_.restored) return;
  struck(Struck::volume_restored);
  world_.stop_edge();
  world_.stop_broker();
  world_.edge_disk.put_back(copy_->image);
  expected_.restored = true;
  expected_.before_restore = world_.journal;
  world_.committed = copy_->committed;
  world_.journal = copy_->journal;
  world_.refused = copy_->refused;
  copy_.reset();
}

// ---- the end: faults stop, everything starts, everything drains

void History::start_all() {
  world_.edge_disk.clear_faults();
  world_.core_disk.clear_faults();
  world_.cut_up = world_.cut_down = false;
  for (const std::string& problem : {world_.start_broker(), world_.start_edge(), world_.start_core()}) {
    if (!problem.empty() && world_.broken.empty()) world_.broken = "does not start: " + problem;
  }
  if (!world_.broken.empty()) return;
  for (const Lane lane : kAllLanes) {
    std::uint64_t& most = group_max_[index_of(lane)];
    most = std::max<std::uint64_t>(most, world_.open_group[index_of(lane)].size());
    if (!world_.commit(lane)) world_.broken = "a disk without faults refuses a group";
  }
}

std::string History::finish() {
  start_all();
  if (!world_.broken.empty()) return world_.broken;
  const bool dry = drain();
  if (std::string problem = check_step(world_, expected_, watch_); !problem.empty()) return problem;
  if (!dry) return what_is_stuck();
  return check_end(world_, expected_);
}

bool History::drain() {
  for (unsigned turn = 0; turn < kDrainTurns; ++turn) {
    for (unsigned n = 0; n < 64 && world_.deliver({}); ++n) continue;
    world_.core_event(bridge::core::Flush{});
    world_.tick(25);
    (void)world_.sink_turn();
    if (!world_.edge || !world_.core) return false;
    if (world_.packets.empty() && drained()) return true;
  }
  return false;
}

bool History::drained() const {
  for (const Lane lane : kAllLanes) {
    const bool settled =
        world_.edge->settlements[index_of(lane)]->standing().next == world_.committed[index_of(lane)] ||
        (may_stop(world_, expected_, lane) && stopped(world_, lane) && forked_was_said(world_, lane));
    if (!settled || world_.core->sink->done(lane) != world_.core->log->synced(lane)) return false;
  }
  return true;
}

std::string History::what_is_stuck() const {
  std::string out = "does not drain:";
  if (!world_.edge || !world_.core) return out + " a process failed without a fault";
  for (const Lane lane : kAllLanes) {
    const Offset settled = world_.edge->settlements[index_of(lane)]->standing().next;
    const Offset head = world_.committed[index_of(lane)];
    if (settled == head) continue;
    out += std::string(" ") + to_string(lane) + " is settled to " + std::to_string(settled.value) + " of " +
           std::to_string(head.value);
    for (auto at = world_.edge_alarms.rbegin(); at != world_.edge_alarms.rend(); ++at) {
      if (at->lane != lane) continue;
      out += " (" + std::string(code(at->reason)) + ": " + at->sentence + ")";
      break;
    }
  }
  return out;
}

// ---- coverage

void History::note_stakes() {
  stakes_ = {};
  const auto set = [this](Stake stake, bool is) { stakes_.at(static_cast<std::size_t>(stake)) |= is; };
  for (const Lane lane : kAllLanes) {
    const std::size_t i = index_of(lane);
    Offset accepted = durable_[i];
    if (world_.core) {
      durable_[i] = world_.core->log->durable().of(uuid_of(0xED), lane).next;
      accepted = world_.core->log->staged().of(uuid_of(0xED), lane).next;
      set(Stake::unsunk, world_.core->sink->done(lane) < world_.core->log->synced(lane));
    }
    if (world_.edge) settled_[i] = world_.edge->settlements[i]->standing().next;
    const bool sent = world_.edge && world_.edge->link->lane(lane).in_flight() > 0;
    set(Stake::unsent, accepted < world_.committed[i] && !sent);
    set(Stake::in_flight, accepted < world_.committed[i] && sent);
    set(Stake::staged, durable_[i] < accepted);
    set(Stake::unanswered, settled_[i] < durable_[i]);
  }
}

void History::note_link(const LinkFaults& before) {
  const LinkFaults& after = world_.link_faults;
  if (after.lost > before.lost) struck(Struck::message_lost);
  if (after.repeated > before.repeated) struck(Struck::message_repeated);
  if (after.reordered > before.reordered) struck(Struck::message_reordered);
  if (after.cut > before.cut) struck(world_.cut_up && world_.cut_down ? Struck::partition : Struck::half_open_link);
}

void History::note_disk(const SimDisk& disk, std::size_t side, Struck first) {
  struct Row {
    SimCall call;
    unsigned place;  // behind `first` in Struck
  };
  constexpr std::array<Row, 6> kRows = {{{SimCall::fdatasync, 0},
                                         {SimCall::pwrite, 1},
                                         {SimCall::fallocate, 2},
                                         {SimCall::rename, 3},
                                         {SimCall::fsync_dir, 4},
                                         {SimCall::open, 5}}};
  for (const Row& row : kRows) {
    std::uint64_t& seen = fired_.at(side).at(static_cast<std::size_t>(row.call));
    const std::uint64_t fired = disk.fired(row.call);
    if (fired == std::exchange(seen, fired)) continue;
    const unsigned place = row.call == SimCall::pwrite && no_space_.at(side) ? 2 : row.place;
    struck(static_cast<Struck>(static_cast<unsigned>(first) + place));
  }
}

Verdict run_history(const Script& script, Coverage* coverage, const Planting& planting) {
  return History(script, planting).run(coverage);
}

}  // namespace wayside::test
