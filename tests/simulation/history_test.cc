// A hundred seeded histories of spool, link, core log and file sink under crashes of either side at any step.
// WAYSIDE_SEED=<n> replays one.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <map>

#include "tests/simulation/world.h"

namespace wayside::test {
namespace {

constexpr unsigned kSteps = 400;
constexpr unsigned kHistories = 100;

// What the core log holds of the edge's spool, read as a sink reads it: every complete batch, in order.
struct CoreView {
  std::array<std::uint64_t, kLanes> next{};
  std::array<spool::Totals, kLanes> totals{};
  std::string problem;
};

void read_record(const bridge::core::CoreRecord& record, CoreView& view) {
  std::uint64_t& next = view.next[index_of(record.lane)];
  if (record.first.value != next) {
    view.problem = "core log, lane " + std::string(to_string(record.lane)) + ": offset " +
                   std::to_string(record.first.value) + " where " + std::to_string(next) + " follows";
  }
  next = record.first.value + record.count;
}

CoreView read_core_log(World& world) {
  CoreView view;
  for (const Lane lane : kAllLanes) {
    const auto& volume = world.core->log->volume();
    auto follower =
        bridge::sink::LaneFollower::open(world.core_disk, volume.lane_dir(lane), volume.uuid, lane, Offset{});
    if (!follower) return view.problem = follower.error().what, view;
    bool first = true;
    while ((*follower)->position() < (*follower)->synced()) {
      auto batches = (*follower)->next(1'000, 1U << 20U);
      if (!batches) return view.problem = batches.error().what, view;
      for (const auto& batch : *batches) {
        // Segments that every sink is past are gone; what is left must follow without a gap.
        if (std::exchange(first, false)) view.next[index_of(lane)] = batch.records.front().first.value;
        for (const auto& record : batch.records) read_record(record, view);
      }
    }
  }
  return view;
}

// wayside-ids of the file sink with how often each appears.
std::map<std::string, unsigned> sink_ids(World& world) {
  std::map<std::string, unsigned> ids;
  const std::string prefix = to_string(uuid_of(0xED)) + "/";
  for (const std::string& path : world.core_disk.files()) {
    if (!path.starts_with(std::string(kSinkDir) + "/") || !path.ends_with(".jsonl")) continue;
    const Bytes content = world.core_disk.content(path);
    const std::string_view text = as_text(content);
    for (std::size_t at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
      ++ids[std::string(text.substr(at, text.find('"', at) - at))];
    }
  }
  return ids;
}

// edge.settled <= core.next <= edge.synced, at any step.
std::string invariant(World& world) {
  if (!world.edge || !world.core) return {};
  for (const Lane lane : kAllLanes) {
    const Offset settled = world.edge->settlements[index_of(lane)]->standing().next;
    const Offset next = world.core->log->durable().of(uuid_of(0xED), lane).next;
    if (settled > next) return std::string("settled above the core's next in lane ") + to_string(lane);
    if (next > world.committed[index_of(lane)])
      return std::string("core's next above synced in lane ") + to_string(lane);
  }
  return {};
}

void crash_something(World& world) {
  switch (world.rng.below(6)) {
    case 0: world.stop_edge(); return;
    case 1: world.stop_core(); return;
    case 2:
      if (world.broker) {
        world.survivors_possible = world.open_group;
        world.stop_broker();
      }
      return;
    case 3: world.edge_power_loss(); return;
    case 4: world.core_power_loss(); return;
    default:
      if (world.edge) world.link_up();
      return;
  }
}

// A call of the core's disk fails once, somewhere ahead: in a commit, a checkpoint, a turn of the sink.
void break_core_disk(World& world) {
  constexpr std::array<SimCall, 5> kCalls = {SimCall::fdatasync, SimCall::pwrite, SimCall::rename, SimCall::fsync_dir,
                                             SimCall::open};
  world.core_disk.fail(kCalls[world.rng.below(kCalls.size())], Fault::io, static_cast<unsigned>(world.rng.below(4)),
                       static_cast<unsigned>(1 + world.rng.below(3)));
}

// A start may fail only because something else is down (no volume yet, a page behind): it is tried again.
std::string start_something(World& world) {
  world.core_disk.clear_faults();
  switch (world.rng.below(3)) {
    case 0: return world.start_broker();
    case 1: (void)world.start_edge(); return {};
    default: return world.start_core();
  }
}

void publish_something(World& world, std::uint64_t& sequence) {
  if (!world.broker) return;
  const Lane lane = kAllLanes[world.rng.below(kLanes)];
  for (std::uint64_t n = 1 + world.rng.below(12); n > 0; --n) {
    const std::string vehicle = "V" + std::to_string(world.rng.below(4));
    world.append(lane, record_body(lane, vehicle, ++sequence, 20 + world.rng.below(400)));
  }
  if (world.rng.below(10) != 0) (void)world.commit(lane);
}

std::string step(World& world, std::uint64_t& sequence) {
  const std::uint64_t dice = world.rng.below(100);
  if (dice < 20)
    publish_something(world, sequence);
  else if (dice < 65)
    (void)world.deliver({30, 30, 200});
  else if (dice < 75)
    world.core_event(bridge::core::Flush{});
  else if (dice < 86)
    world.tick(static_cast<std::int64_t>(world.rng.below(200)));
  else if (dice < 90)
    (void)world.sink_turn();  // a fault closes it: it is opened again with the core
  else if (dice < 92)
    break_core_disk(world);
  else if (dice < 93 && world.broker)
    world.broker->release(world.edge_disk);
  else if (dice < 97)
    return start_something(world);
  else
    crash_something(world);
  return {};
}

std::string start_all(World& world) {
  for (const std::string& problem : {world.start_broker(), world.start_edge(), world.start_core()}) {
    if (!problem.empty()) return problem;
  }
  for (const Lane lane : kAllLanes) (void)world.commit(lane);
  return {};
}

std::string compare_ends(World& world) {
  for (const Lane lane : kAllLanes) {
    const spool::Standing& edge = world.edge->settlements[index_of(lane)]->standing();
    const spool::Standing& core = world.core->log->durable().of(uuid_of(0xED), lane);
    const std::string name = to_string(lane);
    if (edge.next != world.committed[index_of(lane)]) return name + ": not settled to its head";
    if (edge.next != core.next || edge.digest != core.digest) return name + ": the ends stand apart";
    if (edge.totals != core.totals || edge.cohorts != core.cohorts) return name + ": ledgers differ";
    spool::Totals by_cohort;
    for (const auto& [cohort, totals] : edge.cohorts) by_cohort += totals;
    if (by_cohort != edge.totals) return name + ": cohorts do not add up to the lane";
    if (edge.totals.lost != 0) return name + ": " + std::to_string(edge.totals.lost) + " lost";
  }
  return {};
}

std::string compare_sink(World& world) {
  const std::map<std::string, unsigned> ids = sink_ids(world);
  for (const auto& [id, times] : ids) {
    if (times != 1) return id + " is " + std::to_string(times) + " times in the file sink";
  }
  for (const Lane lane : kAllLanes) {
    const std::uint64_t delivered = world.core->log->durable().of(uuid_of(0xED), lane).totals.delivered;
    std::uint64_t found = 0;
    for (std::uint64_t at = 0; at < world.committed[index_of(lane)].value; ++at) {
      found += ids.contains(wayside_id(uuid_of(0xED), lane, {at})) ? 1 : 0;
    }
    if (found != delivered) {
      return std::string(to_string(lane)) + ": " + std::to_string(found) + " in the file sink, " +
             std::to_string(delivered) + " delivered";
    }
  }
  return {};
}

std::string run_history(std::uint64_t seed) {
  World world(seed);
  std::uint64_t sequence = 0;
  if (std::string problem = start_all(world); !problem.empty()) return "start: " + problem;
  for (unsigned n = 0; n < kSteps; ++n) {
    std::string problem = step(world, sequence);
    if (problem.empty()) problem = invariant(world);
    if (!problem.empty()) return "step " + std::to_string(n) + ": " + problem;
  }
  world.core_disk.clear_faults();
  if (std::string problem = start_all(world); !problem.empty()) return "restart: " + problem;
  if (!world.drain()) return "does not drain";
  if (std::string problem = compare_ends(world); !problem.empty()) return problem;
  if (std::string problem = read_core_log(world).problem; !problem.empty()) return problem;
  return compare_sink(world);
}

}  // namespace

TEST_CASE("a hundred histories of crashes leave every committed record in the core log exactly once") {
  const char* one = std::getenv("WAYSIDE_SEED");
  const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = one != nullptr ? 1 : kHistories;
  std::string failures;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::string problem = run_history(seed);
    if (!problem.empty()) failures += "\nWAYSIDE_SEED=" + std::to_string(seed) + ": " + problem;
  }
  INFO(failures);
  CHECK(failures.empty());
}

}  // namespace wayside::test
