// A volume that went back in time: the bridge closes its spool, the broker moves what the core has not got.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "bridge/core/branch_trail.h"
#include "tests/simulation/sink_view.h"
#include "tests/simulation/volume_copy.h"

namespace wayside::test {
namespace {

namespace link = bridge::link;
using bridge::core::Common;
using bridge::core::common_of;
using bridge::core::continued;
using bridge::core::Trail;

constexpr Lane kLane = Lane::event;
constexpr std::uint64_t kFirst = 1U << 16U;  // the branch of the world's first opening, of the second is twice that

void start(World& world) {
  world.edge_options.close_forked = true;
  REQUIRE(world.start_broker() == "");
  REQUIRE(world.start_core() == "");
  REQUIRE(world.start_edge() == "");
}
void publish(World& world, Lane lane, unsigned count, std::uint64_t from) {
  for (unsigned n = 0; n < count; ++n) world.append(lane, record_body(lane, "V1", from + n));
  REQUIRE(world.commit(lane));
}
std::string alarms(const World& world) {
  std::string out;
  for (const auto& alarm : world.edge_alarms) {
    out += std::string(code(alarm.reason)) + " " + to_string(alarm.lane) + ": " + alarm.sentence + "\n";
  }
  return out;
}
// The core has all of it, and no answer reached the edge.
void ship_unsettled(World& world) {
  world.cut_down = true;
  for (unsigned n = 0; n < 40; ++n) {
    world.tick(25);
    while (world.deliver({})) continue;
    world.core_event(bridge::core::Flush{});
  }
  world.cut_down = false;
}

// The copy holds ten records that the core has, settled.
VolumeCopy copy_of_ten(World& world) {
  start(world);
  publish(world, kLane, 10, 100);
  REQUIRE(world.drain());
  return VolumeCopy(world);
}

// As of a volume whose broker names no branch.
class SilentReader final : public spool::LaneReader {
 public:
  explicit SilentReader(EdgePorts::Reader plain) : plain_(std::move(plain)) {}
  [[nodiscard]] Offset synced() override { return plain_->synced(); }
  Result<Offset> oldest() override { return plain_->oldest(); }
  Result<std::vector<spool::ReadRecord>> read(Offset from, std::size_t max_records, std::uint64_t max_bytes) override {
    return plain_->read(from, max_records, max_bytes);
  }
  Result<Offset> visit(Offset from, std::size_t max_records, std::uint64_t max_bytes,
                       const std::function<void(const spool::RecordView&)>& visit) override {
    return plain_->visit(from, max_records, max_bytes, visit);
  }
  Result<Digest> digest_before(Offset at) override { return plain_->digest_before(at); }
  Result<Offset> segment_base(Offset at) override { return plain_->segment_base(at); }
  Result<std::map<std::string, std::uint64_t>> received_by_cohort() override { return plain_->received_by_cohort(); }

 private:
  EdgePorts::Reader plain_;
};

// Each sequence of the lane, under whatever uuid, and how often it is in the sink.
std::map<std::uint64_t, unsigned> sunk(World& world, Lane lane) {
  std::map<std::uint64_t, unsigned> out;
  const SinkView view = read_sink(world);
  REQUIRE(view.problem == "");
  for (const auto& [key, sequences] : view.sequences) {
    if (key.second != lane) continue;
    for (const auto& [offset, sequence] : sequences) ++out[sequence];
  }
  return out;
}
void check_once(World& world, Lane lane, std::uint64_t from, std::uint64_t to) {
  const auto all = sunk(world, lane);
  for (std::uint64_t n = from; n < to; ++n) {
    INFO(to_string(lane) << " " << n);
    CHECK((all.contains(n) ? all.at(n) : 0) == 1);
  }
}

link::LaneHead head_of(std::uint64_t settled, std::uint64_t synced, std::vector<spool::Branch> branches) {
  return {kLane, {settled}, {synced}, std::move(branches)};
}

}  // namespace

TEST_CASE("a lane that parted from the core closes the spool, and what the core has not goes on under another uuid") {
  World world(1);
  start(world);
  for (const Lane lane : kAllLanes) publish(world, lane, 10, 100);
  REQUIRE(world.drain());
  publish(world, kLane, 5, 110);  // in the copy, not settled there
  const VolumeCopy copy(world);
  ship_unsettled(world);
  publish(world, kLane, 20, 200);  // of the time line that ends
  publish(world, Lane::bulk, 3, 200);
  REQUIRE(world.drain());
  copy.put_back(world);
  publish(world, kLane, 40, 300);
  publish(world, Lane::ack, 6, 300);
  REQUIRE(world.start_edge() == "");
  const bool dry = world.drain();
  INFO(alarms(world));
  REQUIRE(dry);

  REQUIRE(world.past.size() == 1);
  const auto& lanes = world.past.front().moved.lanes;
  CHECK(lanes[index_of(kLane)].end.common == Offset{15});
  CHECK(lanes[index_of(kLane)].end.core_next == Offset{35});
  CHECK(lanes[index_of(kLane)].head == Offset{55});
  // It took nothing since: cut where its writer began.
  CHECK(lanes[index_of(Lane::bulk)].end.common == Offset{10});
  CHECK(lanes[index_of(Lane::bulk)].end.core_next == Offset{13});
  CHECK(lanes[index_of(Lane::ack)].end.common == Offset{10});
  for (const auto& lane : lanes) CHECK(lane.end.exact);
  CHECK(world.committed[index_of(kLane)] == Offset{40});
  for (const auto& [from, to] : {std::pair{100, 115}, {200, 220}, {300, 340}}) check_once(world, kLane, from, to);
  check_once(world, Lane::ack, 300, 306);
  check_once(world, Lane::bulk, 200, 203);
  publish(world, kLane, 5, 400);
  REQUIRE(world.drain());
  check_once(world, kLane, 400, 405);
  const auto said = [](const auto& alarm) { return alarm.reason == Reason::SPOOL_MOVED; };
  CHECK(std::count_if(world.core_alarms.begin(), world.core_alarms.end(), said) == 1);
}

TEST_CASE("a volume from an old copy that took nothing since goes on under another uuid before it takes the next") {
  World world(2);
  const VolumeCopy copy = copy_of_ten(world);
  publish(world, kLane, 10, 200);
  REQUIRE(world.drain());
  copy.put_back(world);
  REQUIRE(world.start_edge() == "");
  REQUIRE(world.drain());
  CHECK(world.past.size() == 1);
  publish(world, kLane, 10, 300);
  REQUIRE(world.drain());
  CHECK(world.committed[index_of(kLane)] == Offset{10});
  check_once(world, kLane, 100, 110);
  check_once(world, kLane, 200, 210);
  check_once(world, kLane, 300, 310);
}

TEST_CASE("a batch of an earlier session that arrives while the spool is closing is not accepted") {
  World world(3);
  const VolumeCopy copy = copy_of_ten(world);
  publish(world, kLane, 20, 200);
  REQUIRE(world.drain());
  copy.put_back(world);
  publish(world, kLane, 40, 300);
  REQUIRE(world.start_edge() == "");
  // Batches of another lane are on the way when the fork shows.
  publish(world, Lane::ack, 10, 300);
  std::vector<Packet> late;
  bool closing = false;
  world.seams.delivering = [&](Packet& packet) {
    if (packet.address.kind == link::Kind::batch) late.push_back(packet);
    const auto hello = link::decode_hello(packet.bytes);
    closing = closing || (packet.up && packet.address.kind == link::Kind::hello && hello && hello.value().closing);
    if (!closing || late.empty() || world.core == nullptr) return;
    for (Packet& again : std::exchange(late, {})) {
      world.core_event(bridge::core::Message{"e1", again.address, again.bytes});
    }
  };
  REQUIRE(world.drain());
  CHECK(closing);
  world.seams.delivering = {};
  check_once(world, Lane::ack, 300, 310);
  check_once(world, kLane, 300, 340);
}

TEST_CASE("at a core that does not say what it has in common a FORKED lane stops, and the others go on") {
  World world(4);
  const VolumeCopy copy = copy_of_ten(world);
  publish(world, kLane, 10, 200);
  REQUIRE(world.drain());
  copy.put_back(world);
  publish(world, kLane, 20, 300);
  world.seams.delivering = [](Packet& packet) {  // as a core of 0.1.0 answers
    if (packet.address.kind != link::Kind::next) return;
    auto next = link::decode_next(packet.bytes);
    next.value().closing = false;
    next.value().common = {};
    packet.bytes = link::encode(next.value());
  };
  REQUIRE(world.start_edge() == "");
  publish(world, Lane::ack, 5, 300);
  CHECK_FALSE(world.drain());
  CHECK(world.past.empty());
  CHECK(world.edge->link->lane(kLane).forked());
  CHECK(world.edge->settlements[index_of(Lane::ack)]->standing().next == Offset{5});
}

TEST_CASE("beside a broker that names no branch a FORKED lane stops, and the others go on") {
  World world(7);
  world.seams.ports.reader = [](Lane, EdgePorts::Reader plain) {
    return std::make_unique<SilentReader>(std::move(plain));
  };
  const VolumeCopy copy = copy_of_ten(world);
  publish(world, kLane, 10, 200);
  REQUIRE(world.drain());
  copy.put_back(world);
  publish(world, kLane, 20, 300);
  REQUIRE(world.start_edge() == "");
  publish(world, Lane::ack, 5, 300);
  CHECK_FALSE(world.drain());
  CHECK(world.past.empty());
  CHECK(world.edge->settlements[index_of(Lane::ack)]->standing().next == Offset{5});
}

TEST_CASE("what the core was not told of branches is shipped again rather than taken for common, and that is said") {
  World world(5);
  start(world);
  publish(world, kLane, 10, 100);
  REQUIRE(world.drain());
  publish(world, kLane, 5, 110);
  const VolumeCopy copy(world);
  ship_unsettled(world);
  publish(world, kLane, 20, 200);
  REQUIRE(world.drain());
  for (const std::string& path : world.core_disk.files()) {
    if (path.ends_with(".trail")) world.core_disk.erase(path);
  }
  world.stop_core();
  REQUIRE(world.start_core() == "");
  copy.put_back(world);
  publish(world, kLane, 40, 300);
  REQUIRE(world.start_edge() == "");
  REQUIRE(world.drain());
  REQUIRE(world.past.size() == 1);
  const spool::LaneEnd& end = world.past.front().moved.lanes[index_of(kLane)].end;
  CHECK(end.common == Offset{10});  // the settlement of the copy
  CHECK_FALSE(end.exact);
  check_once(world, kLane, 100, 110);
  check_once(world, kLane, 300, 340);
  CHECK(sunk(world, kLane).at(112) == 2);
  CHECK(alarms(world).find("from offset 10 on may be there twice") != std::string::npos);
}

TEST_CASE("core and volume have the same up to where one of them has a branch that the other has not") {
  const Trail trail = {{{0}, 7}, {{40}, 9}};
  CHECK(common_of(trail, {0}, head_of(0, 90, {{{0}, 1}})) == Common{{0}, true});
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{40}, 9}})) == Common{{60}, true});
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{40}, 9}, {{50}, 11}})) == Common{{50}, true});
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{30}, 11}})) == Common{{30}, true});
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}})) == Common{{40}, true});
  CHECK(common_of(trail, {60}, head_of(10, 50, {{{10}, 7}, {{40}, 9}, {{50}, 11}})) == Common{{50}, true});
  // A branch that begins behind what the core has says nothing.
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{40}, 9}, {{70}, 11}})) == Common{{60}, true});
  CHECK(common_of({{{0}, 7}, {{70}, 9}}, {60}, head_of(10, 90, {{{10}, 7}})) == Common{{60}, true});
}

TEST_CASE("what is not known of branches is never taken for common") {
  const Trail trail = {{{0}, 7}, {{40}, 9}};
  CHECK(common_of({}, {60}, head_of(10, 90, {{{10}, 7}})) == Common{{10}, false});
  CHECK(common_of(trail, {60}, head_of(10, 90, {})) == Common{{10}, false});
  // A damaged header in the middle, before a difference and before agreement.
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{20}, 0}, {{30}, 11}})) == Common{{20}, false});
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{20}, 0}, {{40}, 9}})) == Common{{60}, true});
  CHECK(common_of(trail, {60}, head_of(10, 90, {{{10}, 7}, {{40}, 0}})) == Common{{40}, false});
  // The trail begins above what is settled: below it only agreement there says anything.
  CHECK(common_of({{{30}, 7}, {{40}, 9}}, {60}, head_of(10, 90, {{{10}, 7}, {{35}, 8}})) == Common{{35}, true});
  CHECK(common_of({{{30}, 7}, {{40}, 9}}, {60}, head_of(10, 90, {{{10}, 6}})) == Common{{10}, false});
  CHECK(common_of({{{70}, 7}}, {60}, head_of(10, 50, {{{10}, 6}})) == Common{{10}, false});
  // Rolled back with its running writer: no branch begins.
  CHECK(common_of(trail, {60}, head_of(10, 50, {{{10}, 7}, {{40}, 9}})) == Common{{10}, false});
}

TEST_CASE("a trail goes on with each batch, forgets what no batch made durable, and keeps its bound") {
  Trail trail = continued({}, {0}, {{{0}, 7}, {{5}, 8}});
  CHECK(trail == Trail{{{0}, 7}, {{5}, 8}});
  trail = continued(trail, {10}, {{{10}, 8}});
  CHECK(trail == Trail{{{0}, 7}, {{5}, 8}});
  CHECK(continued(trail, {5}, {{{5}, 9}}) == Trail{{{0}, 7}, {{5}, 9}});
  CHECK(continued(trail, {12}, {}).empty());
  for (std::uint64_t n = 0; n < 1'000; ++n) trail = continued(trail, {20 + n}, {{{20 + n}, 100 + n}});
  CHECK(trail.size() == bridge::core::kTrailMax);
  CHECK(trail.back() == spool::Branch{{1'019}, 1'099});
}

TEST_CASE("the branches of accepted batches outlive the core, and a failing disk accepts nothing it cannot tell of") {
  World world(6);
  start(world);
  world.core_disk.fail(SimCall::rename, Fault::io, 0, 3);
  publish(world, kLane, 10, 100);
  REQUIRE(world.drain());
  world.stop_broker();
  REQUIRE(world.start_broker() == "");
  publish(world, kLane, 10, 110);
  REQUIRE(world.drain());
  const Trail told = {{{0}, kFirst}, {{10}, 2 * kFirst}};
  CHECK(world.core->log->trails().of(world.spool_uuid, kLane).value() == told);
  world.core_power_loss();
  REQUIRE(world.start_core() == "");
  CHECK(world.core->log->trails().of(world.spool_uuid, kLane).value() == told);
  check_once(world, kLane, 100, 120);
}

}  // namespace wayside::test
