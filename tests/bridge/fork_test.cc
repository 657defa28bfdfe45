// Rot and forks: what the edge makes of a core that stands where its own volume no longer reads, or reads otherwise.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "bridge/edge/chain_check.h"
#include "spool/segment_walker.h"
#include "tests/simulation/volume_copy.h"

namespace wayside::test {
namespace {

constexpr Lane kLane = Lane::event;
const std::size_t kAt = index_of(kLane);

bool forked(const World& world) {
  return std::any_of(world.edge_alarms.begin(), world.edge_alarms.end(),
                     [](const auto& alarm) { return alarm.reason == Reason::FORKED; });
}
const spool::Standing& core_of(const World& world) { return world.core->log->durable().of(uuid_of(0xED), kLane); }

void start(World& world) {
  REQUIRE(world.start_broker() == "");
  REQUIRE(world.start_core() == "");
  REQUIRE(world.start_edge() == "");
  REQUIRE(world.drain());
}
// One group. `of` tells time lines apart.
void publish(World& world, unsigned count, const std::string& of = "V1") {
  for (unsigned n = 0; n < count; ++n) world.append(kLane, record_body(kLane, of, world.journal[kAt].size() + n));
  REQUIRE(world.commit(kLane));
}
// The core takes what is there; none of its answers reaches the edge, which dies before it settles anything.
void ship_unsettled(World& world) {
  world.cut_down = true;
  for (unsigned n = 0; n < 40; ++n) {
    world.tick(25);
    while (world.deliver({})) continue;
    world.core_event(bridge::core::Flush{});
  }
  world.stop_edge();
  world.cut_down = false;
}
// As ship_unsettled, and only the first batch arrives.
void ship_one_batch(World& world) {
  const auto batch = [&] {
    return std::find_if(world.packets.begin(), world.packets.end(),
                        [](const Packet& packet) { return packet.address.kind == bridge::link::Kind::batch; });
  };
  world.tick(25);
  while (batch() == world.packets.end() && world.deliver({})) continue;
  REQUIRE(batch() != world.packets.end());
  world.packets = {*batch()};
  world.cut_down = true;
  while (world.deliver({})) continue;
  world.core_event(bridge::core::Flush{});
  world.stop_edge();
  world.packets.clear();
  world.cut_down = false;
}

std::vector<std::string> segments(World& world) {
  std::vector<std::string> out;
  for (const std::string& path : world.edge_disk.files()) {
    if (path.starts_with(std::string(kSpoolRoot) + "/event/") && path.ends_with(".seg")) out.push_back(path);
  }
  return out;
}
void rot_record(World& world, std::uint64_t offset) {
  const Bytes& body = world.journal[kAt].at(offset);
  for (const std::string& path : segments(world)) {
    const Bytes content = world.edge_disk.content(path);
    const auto found = std::search(content.begin(), content.end(), body.begin(), body.end());
    if (found == content.end()) continue;
    world.edge_disk.flip_bit(path, static_cast<std::uint64_t>(found - content.begin()) + body.size() - 3, 2);
    world.rotted[kAt] = true;
    return;
  }
  FAIL("no such record");
}
// The header of the group that begins at `base`.
void rot_group(World& world, std::uint64_t base) {
  for (const std::string& path : segments(world)) {
    const std::uint64_t begin = std::stoull(path.substr(path.rfind('/') + 1));
    auto walker = spool::SegmentWalker::open(world.edge_disk, std::string(kSpoolRoot) + "/event",
                                             {uuid_of(0xED), kLane}, {begin});
    REQUIRE(walker.ok());
    while ((*walker)->skip_group({UINT64_MAX}).value()) {
      if ((*walker)->group().base.value != base) continue;
      world.edge_disk.flip_bit(path, (*walker)->group_position() + 40, 1);
      world.rotted[kAt] = true;
      return;
    }
  }
  FAIL("no such group");
}

// Of the last segment.
void rot_claims(World& world) {
  for (unsigned slot = 0; slot < spool::kClaimSlots; ++slot) {
    world.edge_disk.flip_bit(segments(world).back(), spool::kClaimAt + slot * spool::kSectorBytes + 20, 1);
  }
}
void restart_broker(World& world) {
  world.stop_broker();
  REQUIRE(world.start_broker() == "");
}

void drains_and_loses(World& world, std::uint64_t lost) {
  REQUIRE(world.start_edge() == "");
  const bool dry = world.drain();
  for (const auto& alarm : world.edge_alarms) UNSCOPED_INFO(alarm.sentence);
  CHECK_FALSE(forked(world));
  REQUIRE(dry);
  CHECK(core_of(world).totals == spool::Totals{world.committed[kAt].value - lost, 0, 0, 0, lost});
  CHECK(core_of(world).totals == world.edge->settlements[kAt]->standing().totals);
}
void is_forked(World& world) {
  const Offset before = core_of(world).next;
  REQUIRE(world.start_edge() == "");
  CHECK_FALSE(world.drain());
  CHECK(forked(world));
  CHECK(world.edge->link->lane(kLane).forked());
  CHECK(core_of(world).next == before);
}

// What is left of a lane whose first segments were released and whose records all rotted.
class RottenReader final : public spool::LaneReader {
 public:
  RottenReader(Offset oldest, Offset synced) : oldest_(oldest), synced_(synced) {}
  [[nodiscard]] Offset synced() override { return synced_; }
  Result<Offset> oldest() override { return oldest_; }
  Result<std::vector<spool::ReadRecord>> read(Offset from, std::size_t max_records, std::uint64_t /*bytes*/) override {
    if (from < oldest_) return gone(from);
    std::vector<spool::ReadRecord> out;
    for (; from < synced_ && out.size() < max_records; from = from + 1) {
      out.push_back({from, {}, {}, {}, 64, true, spool::DigestSource::made_up});
    }
    return out;
  }
  Result<Offset> visit(Offset from, std::size_t /*records*/, std::uint64_t /*bytes*/,
                       const std::function<void(const spool::RecordView&)>& /*visit*/) override {
    return from;
  }
  Result<Digest> digest_before(Offset at) override { return at < oldest_ ? Result<Digest>(gone(at)) : Digest{}; }
  Result<Offset> segment_base(Offset at) override { return at < oldest_ ? Result<Offset>(gone(at)) : oldest_; }
  Result<std::map<std::string, std::uint64_t>> received_by_cohort() override {
    return std::map<std::string, std::uint64_t>{};
  }

 private:
  static Error gone(Offset at) { return Error{Fault::not_found, "no offset " + std::to_string(at.value), 0}; }
  Offset oldest_;
  Offset synced_;
};

}  // namespace

TEST_CASE("rot in what was settled stops no lane when a session begins") {
  World world(21);
  start(world);
  publish(world, 10);
  publish(world, 10);
  REQUIRE(world.drain());
  world.stop_edge();
  SECTION("a record") { rot_record(world, 12); }
  SECTION("a whole group") { rot_group(world, 10); }
  publish(world, 3);
  drains_and_loses(world, 0);
}

TEST_CASE("rot in what the core has and the edge has not settled stops no lane, wherever it stands") {
  World world(22);
  start(world);
  SECTION("a record, the core at the end of its group") {
    publish(world, 10);
    ship_unsettled(world);
    REQUIRE(core_of(world).next == Offset{10});
    SECTION("the first") { rot_record(world, 0); }
    SECTION("the last") { rot_record(world, 9); }
    drains_and_loses(world, 0);
  }
  SECTION("the header of a group, its end named by the next") {
    publish(world, 10);
    publish(world, 10);
    ship_unsettled(world);
    REQUIRE(core_of(world).next == Offset{20});
    publish(world, 10);
    rot_group(world, 10);
    drains_and_loses(world, 0);
  }
  SECTION("the core inside a group") {
    publish(world, 60);
    ship_one_batch(world);
    REQUIRE(core_of(world).next == Offset{40});
    SECTION("a record below it: the digest is linked on to the group's end") {
      rot_record(world, 39);
      drains_and_loses(world, 0);
    }
    SECTION("a record above it: the digest is linked up from the group's begin") {
      rot_record(world, 40);
      drains_and_loses(world, 1);
    }
    SECTION("records on both sides, in a segment that the settlement reaches into") {
      world.rotted[kAt] = true;
      rot_record(world, 3);
      rot_record(world, 50);
      // Settled to nothing, so that the volume may have parted at its first offset: nobody can tell.
      REQUIRE(world.start_edge() == "");
      CHECK_FALSE(world.drain());
      CHECK(forked(world));
    }
  }
  SECTION("the core inside a group on both sides of which it has rotted, above what was settled in that segment") {
    publish(world, 5);
    REQUIRE(world.drain());
    publish(world, 60);
    ship_one_batch(world);
    REQUIRE(core_of(world).next == Offset{45});
    rot_record(world, 20);
    rot_record(world, 50);
    drains_and_loses(world, 1);
  }
}

TEST_CASE("rot that stood there when a batch was shipped, and more of it since, stops no lane") {
  World world(23);
  start(world);
  publish(world, 60);
  rot_record(world, 10);
  ship_one_batch(world);
  REQUIRE(core_of(world).next == Offset{10});  // a batch does not end behind damage if it can end before it
  REQUIRE(world.start_edge() == "");
  ship_one_batch(world);
  REQUIRE(core_of(world).next == Offset{50});
  SECTION("no more") { drains_and_loses(world, 1); }
  SECTION("below the core") {
    rot_record(world, 30);
    drains_and_loses(world, 1);
  }
  SECTION("above the core") {
    rot_record(world, 55);
    drains_and_loses(world, 2);
  }
}

TEST_CASE("a last group that was shipped as lost is no fork once the next one names its end") {
  World world(24);
  start(world);
  publish(world, 10);
  publish(world, 10);
  rot_group(world, 10);
  ship_unsettled(world);
  REQUIRE(core_of(world).next == Offset{20});
  publish(world, 5);
  drains_and_loses(world, 10);
}

TEST_CASE("rot in the header of a segment that begins behind rot is no fork") {
  World world(27);
  start(world);
  publish(world, 10);
  REQUIRE(world.drain());
  restart_broker(world);
  publish(world, 10);
  rot_group(world, 10);
  restart_broker(world);
  REQUIRE(segments(world).size() >= 2);
  ship_unsettled(world);
  REQUIRE(core_of(world).next == Offset{20});
  const std::string fence = segments(world).back();
  const std::string rotten = *std::prev(segments(world).end(), 2);
  world.edge_disk.flip_bit(fence, 80, 1);
  SECTION("its claim knows the digest before it") {}
  SECTION("the claim of the segment before it does") { world.edge_disk.flip_bit(fence, spool::kClaimAt + 20, 1); }
  SECTION("its own claim, where that one has rotted too") {
    world.edge_disk.flip_bit(rotten, spool::kClaimAt + spool::kSectorBytes + 20, 1);
  }
  restart_broker(world);
  publish(world, 5);
  drains_and_loses(world, 10);
}

TEST_CASE("a digest that recovery made up proves no fork") {
  World world(28);
  start(world);
  publish(world, 10);
  REQUIRE(world.drain());
  publish(world, 10);
  ship_unsettled(world);
  REQUIRE(core_of(world).next == Offset{20});
  rot_group(world, 10);
  rot_claims(world);
  SECTION("in the header of the next segment") {}
  restart_broker(world);
  SECTION("once more") { restart_broker(world); }
  publish(world, 5);
  drains_and_loses(world, 0);
}

TEST_CASE("a volume from an old copy is FORKED, whatever rots in it") {
  World world(25);
  start(world);
  publish(world, 10);
  REQUIRE(world.drain());
  const VolumeCopy copy(world);

  SECTION("the core at the end of a group of both") {
    publish(world, 10);
    ship_unsettled(world);
    copy.put_back(world);
    publish(world, 10, "V2");
    SECTION("nothing") {}
    SECTION("a record below") { rot_record(world, 12); }
    SECTION("every record below") {
      for (std::uint64_t at = 10; at < 20; ++at) rot_record(world, at);
    }
    SECTION("the group, its end named by the next") {
      publish(world, 5, "V2");
      rot_group(world, 10);
    }
    SECTION("the group and its claim, and the broker starts again") {
      rot_group(world, 10);
      rot_claims(world);
      restart_broker(world);
      publish(world, 5, "V2");
    }
    is_forked(world);
  }
  SECTION("the core inside a group of the volume") {
    publish(world, 10);
    ship_unsettled(world);
    copy.put_back(world);
    publish(world, 30, "V2");
    SECTION("nothing") {}
    SECTION("a record below") { rot_record(world, 12); }
    SECTION("a record above") { rot_record(world, 30); }
    SECTION("on both sides") {
      rot_record(world, 12);
      rot_record(world, 30);
    }
    is_forked(world);
  }
  SECTION("the core behind a batch that ended inside a group") {
    publish(world, 60);
    ship_one_batch(world);
    REQUIRE(core_of(world).next == Offset{50});
    copy.put_back(world);
    publish(world, 60, "V2");
    SECTION("nothing") {}
    SECTION("a record below") { rot_record(world, 12); }
    SECTION("a record above") { rot_record(world, 65); }
    is_forked(world);
  }
  SECTION("the core shipped damage") {
    publish(world, 60);
    rot_record(world, 10);
    ship_one_batch(world);
    REQUIRE(core_of(world).next == Offset{50});
    copy.put_back(world);
    publish(world, 60, "V2");
    is_forked(world);
  }
}

TEST_CASE("a volume from an old copy that holds no more than the core has in common with it goes on") {
  World world(26);
  start(world);
  publish(world, 10);
  ship_unsettled(world);
  const VolumeCopy copy(world);
  copy.put_back(world);
  publish(world, 10, "V2");
  rot_record(world, 4);
  drains_and_loses(world, 0);
}

TEST_CASE("where the settlement rotted away too, what a volume released tells that the core's offset is its own") {
  RottenReader reader({87}, {116});
  spool::Standing core;
  core.next = {87};
  core.digest.bytes.fill(7);
  const auto told = bridge::edge::judge_chain(reader, core, {});
  REQUIRE(told.ok());
  CHECK(*told == bridge::edge::ChainVerdict::same);
}

}  // namespace wayside::test
