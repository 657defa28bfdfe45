#include "tests/simulation/history.h"

#include <algorithm>

namespace wayside::test {
namespace {

constexpr Faults kLinkFaults{30, 30, 200};
constexpr std::uint64_t kSmallOneOf = 3;  // a third of the worlds is small
constexpr unsigned kDrainTurns = 4'000;
// Without a lane that moves: 25 s on the clock, three times the longest that either end waits to say a thing again.
constexpr unsigned kStillTurns = 1'000;

}  // namespace

History::History(const Script& script, const Planting& planting) : script_(script), world_(script.seed) {
  if (script.seed % kSmallOneOf == 0) world_.sizes = kSmall;
  world_.edge_options.close_forked = true;
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
    note_room();
    if (coverage != nullptr) {
      for (const Struck fault : struck_) coverage->hit(fault, stakes_);
    }
    std::string problem = check_step(world_, expected_, watch_);
    if (!problem.empty()) return {std::move(problem), number};
    ++number;
  }
  Verdict verdict{finish(), number};
  for (const Past& past : world_.past) {
    const auto& lanes = past.moved.lanes;
    const auto inexact = std::count_if(lanes.begin(), lanes.end(), [](const auto& lane) { return !lane.end.exact; });
    if (coverage != nullptr) coverage->moved(static_cast<std::uint64_t>(inexact));
  }
  return verdict;
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
    case StepKind::start: return start_one();
    case StepKind::heal: world_.cut_up = world_.cut_down = false; return;
    case StepKind::edge_disk_fault: return fail_disk(world_.edge_disk, Struck::edge_fdatasync);
    case StepKind::core_disk_fault: return fail_disk(world_.core_disk, Struck::core_fdatasync);
    case StepKind::slow_disk:
      return world_.slow_disk(world_.rng.below(2) == 0, static_cast<unsigned>(1 + world_.rng.below(3)));
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
    case StepKind::rot_settlement: return rot_settlement();
    case StepKind::rot_identity: return rot_identity();
    case StepKind::rot: return rot();
    case StepKind::rot_core_log: return rot_core_log();
    case StepKind::copy_volume: return copy_volume();
    case StepKind::restore_volume: return restore_volume();
  }
}

// Some starts meet the faults that are armed: what fails is tried again by a later step.
void History::start_one() {
  const std::uint64_t process = world_.rng.below(3);
  const std::size_t side = process == 2 ? 1 : 0;
  const bool ran = process == 0 ? world_.broker != nullptr : process == 1 ? world_.edge != nullptr : !!world_.core;
  if (world_.rng.below(4) > 0) (side == 1 ? world_.core_disk : world_.edge_disk).clear_faults();
  const std::string problem = process == 0   ? world_.start_broker()
                              : process == 1 ? world_.start_edge()
                                             : world_.start_core();
  if (!identity_.at(side)) return;
  if (problem.empty() && !ran) world_.broken = "a process starts on a damaged identity";
  if (world_.rng.below(2) == 0) mend_identity(side);
}

void History::publish() {
  if (!world_.broker) return;
  const Lane lane = kAllLanes.at(world_.rng.below(kLanes));
  for (std::uint64_t n = 1 + world_.rng.below(12); n > 0; --n) {
    const std::string vehicle = "V" + std::to_string(world_.rng.below(4));
    (void)world_.append(lane, record_body(lane, vehicle, ++sequence_, 20 + world_.rng.below(400)));
  }
  if (world_.rng.below(10) == 0) return;
  std::uint64_t& most = group_max_[index_of(lane)];
  most = std::max<std::uint64_t>(most, world_.open_group[index_of(lane)].size());
  (void)world_.commit(lane);
}

void History::deliver() {
  for (std::uint64_t n = 1 + world_.rng.below(3); n > 0; --n) (void)world_.deliver(kLinkFaults);
}

// ---- the end: faults stop, everything starts, everything drains

void History::start_all() {
  world_.edge_disk.clear_faults();
  world_.core_disk.clear_faults();
  world_.cut_up = world_.cut_down = false;
  mend_identity(0);
  mend_identity(1);
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
  for (const bool again : {false, true}) {
    if (again) {
      if (std::string problem = publish_to_all(); !problem.empty()) return problem;
    }
    const bool dry = drain();
    if (std::string problem = check_step(world_, expected_, watch_); !problem.empty()) return problem;
    if (!dry) return what_is_stuck();
  }
  return check_end(world_, expected_);
}

// With everything settled and released there is room again, whatever was full; where a settlement has rotted, as soon
// as the edge has looked at it.
std::string History::publish_to_all() {
  world_.tick(bridge::edge::LaneSender::kSettlementCheckMs);
  world_.broker->release(world_.edge_disk);
  for (const Lane lane : kAllLanes) {
    if (!world_.append(lane, record_body(lane, "V0", ++sequence_)) || !world_.commit(lane)) {
      return std::string(to_string(lane)) + ": takes nothing though all is settled";
    }
  }
  return {};
}

bool History::drain() {
  std::uint64_t before = 0;
  unsigned still = 0;
  for (unsigned turn = 0; turn < kDrainTurns && still < kStillTurns; ++turn) {
    for (unsigned n = 0; n < 64 && world_.deliver({}); ++n) continue;
    world_.core_event(bridge::core::Flush{});
    world_.tick(25);
    (void)world_.sink_turn();
    if (!world_.core || (!world_.edge && !world_.edge_waits)) return false;
    if (world_.edge && world_.packets.empty() && drained()) return true;
    if (world_.edge) still = std::exchange(before, moved()) == moved() ? still + 1 : 0;
  }
  return false;
}

// Rises with whatever becomes durable at the core, settled at the edge or done by the sink.
std::uint64_t History::moved() const {
  std::uint64_t sum = 0;
  for (const Lane lane : kAllLanes) {
    sum += world_.edge->settlements[index_of(lane)]->standing().next.value;
    sum += world_.core->log->synced(lane).value + world_.core->sink->done(lane).value;
  }
  return sum;
}

bool History::drained() const {
  for (const Lane lane : kAllLanes) {
    const bool settled = world_.edge->settlements[index_of(lane)]->standing().next == world_.committed[index_of(lane)];
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
      durable_[i] = world_.core->log->durable().of(world_.spool_uuid, lane).next;
      accepted = world_.core->log->staged().of(world_.spool_uuid, lane).next;
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
  constexpr std::array<Row, 7> kRows = {{{SimCall::fdatasync, 0},
                                         {SimCall::pwrite, 1},
                                         {SimCall::fallocate, 2},
                                         {SimCall::rename, 3},
                                         {SimCall::fsync_dir, 4},
                                         {SimCall::open, 5},
                                         {SimCall::pread, 6}}};
  for (const Row& row : kRows) {
    std::uint64_t& seen = fired_.at(side).at(static_cast<std::size_t>(row.call));
    const std::uint64_t fired = disk.fired(row.call);
    if (fired == std::exchange(seen, fired)) continue;
    const unsigned place = row.call == SimCall::pwrite && no_space_.at(side) ? 2 : row.place;
    struck(static_cast<Struck>(static_cast<unsigned>(first) + place));
  }
  if (disk.slowed() == std::exchange(slowed_.at(side), disk.slowed())) return;
  struck(side == 0 ? Struck::edge_slow_sync : Struck::core_slow_sync);
}

// Counts where room ends, not while it is short.
void History::note_room() {
  if (world_.lanes_full != std::exchange(lanes_full_, world_.lanes_full)) struck(Struck::lane_full);
  bool shorter = false;
  for (const Lane lane : kAllLanes) {
    if (!world_.core) continue;
    const bool is_short = world_.core->log->room(lane) < world_.core_options.window_bytes;
    shorter |= is_short && !short_[index_of(lane)];
    short_[index_of(lane)] = is_short;
  }
  if (shorter) struck(Struck::core_log_full);
}

Verdict run_history(const Script& script, Coverage* coverage, const Planting& planting) {
  return History(script, planting).run(coverage);
}

}  // namespace wayside::test
