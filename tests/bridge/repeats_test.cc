// Repeats by source id through both ends of the link, the core log and the file sink.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/simulation/world.h"

namespace wayside::test {
namespace {

struct Sent {
  std::string vehicle = "V1";
  std::string topic = "event/door";
  std::string mid = {};
  std::uint64_t sequence = 0;
  std::uint64_t epoch = 1;
  std::string payload = "open";
};

Bytes body_of(const Sent& sent) {
  const std::string topic = "v1/" + sent.vehicle + "/" + sent.topic;
  schemas::RecordView view;
  view.vehicle = sent.vehicle;
  view.topic = topic;
  view.payload = as_bytes(sent.payload);
  view.cohort = "c1";
  view.mid = sent.mid;
  view.sequence = sent.sequence;
  view.epoch = sent.epoch;
  view.source_time = {1'700'000'000'000};
  Bytes body;
  schemas::encode_record(view, body);
  return body;
}

// The same drive under another epoch and time, as a resend after a reconnect.
Bytes state_of(std::uint64_t sequence, double speed, std::uint64_t epoch = 1) {
  const std::vector<schemas::SignalValue> signals = {{"Vehicle.Speed", WallMs{1'700'000'000'000}, speed}};
  const Bytes payload = schemas::build_signal_batch(sequence, "vss-6.0", signals);
  schemas::RecordView view;
  view.vehicle = "V1";
  view.topic = "v1/V1/state";
  view.payload = payload;
  view.cohort = "c1";
  view.sequence = sequence;
  view.signal_batch = true;
  view.epoch = epoch;
  view.source_time = {1'700'000'000'000 + static_cast<std::int64_t>(epoch)};
  Bytes body;
  schemas::encode_record(view, body);
  return body;
}

void start(World& world) {
  REQUIRE(world.start_broker().empty());
  REQUIRE(world.start_core().empty());
  REQUIRE(world.start_edge().empty());
}

void publish(World& world, Lane lane, const std::vector<Bytes>& bodies) {
  for (const Bytes& body : bodies) world.append(lane, body);
  REQUIRE(world.commit(lane));
}

spool::Standing core_standing(const World& world, Lane lane) {
  return world.core->log->durable().of(uuid_of(0xED), lane);
}

// Equal on both ends, cohorts included.
spool::Totals agreed(const World& world, Lane lane) {
  const spool::Standing core = core_standing(world, lane);
  const spool::Standing& edge = world.edge->settlements[index_of(lane)]->standing();
  CHECK(edge.next == core.next);
  CHECK(edge.totals == core.totals);
  CHECK(edge.cohorts == core.cohorts);
  CHECK(core.cohorts.at("c1") == core.totals);
  return core.totals;
}

std::set<std::string> sink_ids(World& world, Lane lane) {
  std::set<std::string> ids;
  const std::string prefix = to_string(uuid_of(0xED)) + "/" + to_string(lane) + "/";
  for (const std::string& path : world.core_disk.files()) {
    if (!path.starts_with(std::string(kSinkDir) + "/") || !path.ends_with(".jsonl")) continue;
    const Bytes content = world.core_disk.content(path);
    const std::string_view text = as_text(content);
    for (std::size_t at = text.find(prefix); at != std::string_view::npos; at = text.find(prefix, at + 1)) {
      ids.insert(std::string(text.substr(at, text.find('"', at) - at)));
    }
  }
  return ids;
}

}  // namespace

TEST_CASE("the second of a source id counts as compacted and resent on both ends and reaches no sink") {
  World world(21);
  start(world);
  publish(world, Lane::event, {body_of({.mid = "m1"}), body_of({.mid = "m1", .epoch = 2}), body_of({.mid = "m2"})});
  REQUIRE(world.drain());
  publish(world, Lane::event,
          {body_of({.mid = "m2", .epoch = 3}), body_of({.sequence = 5}), body_of({.sequence = 5, .epoch = 4})});
  publish(world, Lane::state, {state_of(8, 50.5), state_of(8, 50.5, 2), state_of(9, 50.5)});
  REQUIRE(world.drain());
  CHECK(agreed(world, Lane::event) == spool::Totals{3, 3, 3, 0, 0});
  CHECK(agreed(world, Lane::state) == spool::Totals{2, 1, 1, 0, 0});
  const std::string event = to_string(uuid_of(0xED)) + "/event/";
  CHECK(sink_ids(world, Lane::event) == std::set<std::string>{event + "0", event + "2", event + "4"});
  CHECK(sink_ids(world, Lane::state).size() == 2);
}

TEST_CASE("what only looks like a repeat is delivered") {
  World world(22);
  start(world);
  publish(world, Lane::event,
          {body_of({.sequence = 1, .payload = "old firmware"}), body_of({.sequence = 1, .payload = "new firmware"}),
           body_of({.topic = "event/alarm", .sequence = 1, .payload = "old firmware"}),
           body_of({.vehicle = "V2", .sequence = 1, .payload = "old firmware"}), body_of({}), body_of({})});
  publish(world, Lane::state, {state_of(1'000, 10), state_of(1, 11), state_of(1'000, 12), state_of(1, 13)});
  REQUIRE(world.drain());
  CHECK(agreed(world, Lane::event) == spool::Totals{6, 0, 0, 0, 0});
  CHECK(agreed(world, Lane::state) == spool::Totals{4, 0, 0, 0, 0});
}

TEST_CASE("a repeat is known after the core was killed or lost power, and forgotten beyond the window") {
  World world(23);
  start(world);
  publish(world, Lane::event, {body_of({.mid = "m1"})});
  REQUIRE(world.drain());
  world.stop_core();
  REQUIRE(world.start_core().empty());
  world.link_up();
  publish(world, Lane::event, {body_of({.mid = "m1"})});
  REQUIRE(world.drain());
  CHECK(agreed(world, Lane::event) == spool::Totals{1, 1, 1, 0, 0});
  world.core_power_loss();
  REQUIRE(world.start_core().empty());
  world.link_up();
  std::vector<Bytes> others = {body_of({.mid = "m1"})};
  for (unsigned n = 0; n < 128; ++n) others.push_back(body_of({.mid = "other-" + std::to_string(n)}));
  publish(world, Lane::event, others);
  REQUIRE(world.drain());
  CHECK(agreed(world, Lane::event) == spool::Totals{129, 2, 2, 0, 0});
  publish(world, Lane::event, {body_of({.mid = "m1"}), body_of({.mid = "other-127"})});
  REQUIRE(world.drain());
  CHECK(agreed(world, Lane::event) == spool::Totals{130, 3, 3, 0, 0});
}

namespace {

void crash_or_move(World& world) {
  const std::uint64_t dice = world.rng.below(100);
  if (dice < 55) {
    (void)world.deliver({30, 30, 200});
  } else if (dice < 65) {
    world.core_event(bridge::core::Flush{});
  } else if (dice < 80) {
    world.tick(static_cast<std::int64_t>(world.rng.below(200)));
  } else if (dice < 84) {
    (void)world.sink_turn();
  } else if (dice < 87) {
    world.core_disk.fail(SimCall::fdatasync, Fault::io, static_cast<unsigned>(world.rng.below(4)), 1);
  } else if (dice < 90) {
    world.stop_core();
  } else if (dice < 92) {
    world.core_power_loss();
  } else if (dice < 94) {
    world.link_up();
  } else {
    world.core_disk.clear_faults();
    REQUIRE(world.start_core().empty());
  }
}

}  // namespace

TEST_CASE("under crashes of the core each source id reaches the sink once, and every other copy counts as resent") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    World world(seed);
    start(world);
    std::uint64_t sent = 0;
    std::set<std::uint64_t> distinct;
    for (unsigned n = 0; n < 300; ++n) {
      if (world.rng.below(5) != 0) {
        crash_or_move(world);
        continue;
      }
      std::vector<Bytes> bodies;
      for (std::uint64_t count = 1 + world.rng.below(6); count > 0; --count, ++sent) {
        const std::uint64_t id = world.rng.below(100);
        distinct.insert(id);
        const std::string mid = id % 2 == 0 ? "m" + std::to_string(id) : "";
        bodies.push_back(body_of({.mid = mid, .sequence = id, .epoch = sent}));
      }
      publish(world, Lane::event, bodies);
    }
    world.core_disk.clear_faults();
    REQUIRE(world.start_core().empty());
    world.link_up();
    REQUIRE(world.drain());
    const std::uint64_t repeats = sent - distinct.size();
    REQUIRE(agreed(world, Lane::event) == spool::Totals{distinct.size(), repeats, repeats, 0, 0});
    REQUIRE(sink_ids(world, Lane::event).size() == distinct.size());
  }
}

}  // namespace wayside::test
