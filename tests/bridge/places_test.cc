// Where vehicles are, as the core knows it after whatever became of it: with two edges in a region a command for a
// vehicle whose place is forgotten reaches nobody.
#include <catch2/catch_test_macros.hpp>

#include "bridge/core/core_log.h"
#include "bridge/core/vehicle_router.h"
#include "schemas/messages.h"
#include "spool/segment_file.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {
namespace {

using namespace bridge::core;

constexpr WallMs kNow{1'700'000'000'000};
const std::string kFile = "/core/log/vehicles.places";

CoreLogOptions options() {
  CoreLogOptions out;
  out.root = "/core/log";
  out.fresh.bytes.fill(0xC0);
  out.segment_bytes_max = 64U << 10U;
  out.lane_bytes_max = 1U << 20U;
  return out;
}

SpoolUuid spool_of(const std::string& edge) {
  SpoolUuid uuid;
  uuid.bytes.fill(static_cast<std::uint8_t>(edge.back()));
  return uuid;
}

// A region of two edges behind one core.
struct TwoEdges {
  TwoEdges() { start(); }
  void start(std::vector<std::string>* sentences = nullptr) {
    log.reset();
    auto opened = CoreLog::open(disk, options(), sentences);
    if (!opened) FAIL(opened.error().what);
    log = std::move(*opened);
    for (const char* edge : {"edge-1", "edge-2"}) REQUIRE(log->bind(spool_of(edge), edge).ok());
  }
  void lose_power() {
    disk.power_loss(rng);
    start();
  }
  void deliver(const std::string& edge, const std::string& topic, Bytes payload) {
    CoreRecord record;
    record.lane = Lane::event;
    record.uuid = spool_of(edge);
    record.first = log->staged().of(record.uuid, Lane::event).next;
    record.received = kNow;
    bridge::batch::Delivered body;
    body.offset = record.first;
    body.topic = topic;
    body.payload = std::move(payload);
    record.what = std::move(body);
    REQUIRE(log->append({record}, kNow) == spool::AppendOutcome::appended);
    REQUIRE(log->flush(kNow, nullptr).ok());
  }
  void show(const std::string& edge, const std::string& vehicle, std::uint64_t epoch, bool online = true) {
    schemas::PresenceMessage presence;
    presence.vehicle = vehicle;
    presence.online = online;
    presence.epoch = epoch;
    presence.edge = edge;
    deliver(edge, "v1/" + vehicle + "/presence", schemas::build_presence(presence));
  }
  // As the sinks have all of it: what nothing needs any more goes.
  void release() { REQUIRE(log->release(Lane::event, log->synced(Lane::event)).ok()); }
  [[nodiscard]] std::string edge_of(const std::string& vehicle) const {
    const VehicleRouter router({{"edge-1", "r1"}, {"edge-2", "r1"}}, log->places());
    return router.edge_of(vehicle, "r1").value_or("unknown");
  }

  SimDisk disk;
  SeededRng rng{7};
  std::unique_ptr<CoreLog> log;
};

}  // namespace

TEST_CASE("with two edges a vehicle that stays connected is found by the first command after the core was restarted") {
  TwoEdges region;
  region.show("edge-1", "V1", 10);
  region.show("edge-2", "V2", 10);
  region.show("edge-1", "V3", 10);
  region.show("edge-2", "V3", 20);
  region.show("edge-1", "V3", 15);         // an older word that was long on its way
  region.show("edge-2", "V2", 10, false);  // OFFLINE moves nobody
  const auto found = [&] { return region.edge_of("V1") + " " + region.edge_of("V2") + " " + region.edge_of("V3"); };
  REQUIRE(found() == "edge-1 edge-2 edge-2");
  CHECK(region.edge_of("V4") == "unknown");
  SECTION("after a clean stop") { REQUIRE(region.log->seal().ok()); }
  SECTION("after kill -9") { region.disk.kill(); }
  SECTION("after a checkpoint") { REQUIRE(region.log->checkpoint().ok()); }
  SECTION("with the file damaged: the log still has it") {
    REQUIRE(region.log->seal().ok());
    region.disk.flip_bit(kFile, 40, 3);
  }
  SECTION("without the file, as after an update") {
    REQUIRE(region.log->seal().ok());
    region.disk.erase(kFile);
  }
  region.start();
  CHECK(found() == "edge-1 edge-2 edge-2");
  region.lose_power();
  CHECK(found() == "edge-1 edge-2 edge-2");
}

TEST_CASE("where vehicles are outlives the records that said it") {
  TwoEdges region;
  region.show("edge-1", "V1", 10);
  region.show("edge-2", "V2", 10);
  for (int i = 0; i < 300; ++i) {
    region.deliver("edge-1", "v1/V1/event/door", Bytes(4'000, 'x'));
    region.release();
  }
  const auto bases = spool::list_segments(region.disk, "/core/log/event");
  REQUIRE(bases.ok());
  REQUIRE(bases->front() > Offset{2});
  region.lose_power();
  CHECK(region.edge_of("V1") == "edge-1");
  CHECK(region.edge_of("V2") == "edge-2");
}

TEST_CASE("one vehicle that moved among many keeps no more than some segments of the event lane") {
  TwoEdges region;
  for (int i = 0; i < 100; ++i) region.show("edge-1", "V" + std::to_string(i), 10);
  REQUIRE(region.log->checkpoint().ok());
  region.show("edge-2", "V7", 20);
  for (int i = 0; i < 300; ++i) {
    region.deliver("edge-1", "v1/V1/event/door", Bytes(4'000, 'x'));
    if (i % 10 == 0) REQUIRE(region.log->checkpoint().ok());
    region.release();
    REQUIRE(region.log->bytes(Lane::event) < 6 * options().segment_bytes_max);
  }
  region.lose_power();
  CHECK(region.edge_of("V7") == "edge-2");
  CHECK(region.edge_of("V8") == "edge-1");
}

TEST_CASE("a start takes places from the file as they are kept, and only what came after as not") {
  TwoEdges region;
  for (int i = 0; i < 100; ++i) region.show("edge-1", "V" + std::to_string(i), 10);
  REQUIRE(region.log->seal().ok());
  region.start();
  CHECK(region.log->places().vehicles() == 100);
  CHECK(region.log->places().changes() == 0);
  const Bytes kept = region.disk.content(kFile);
  REQUIRE(region.log->checkpoint().ok());
  CHECK(region.disk.content(kFile) == kept);  // nothing moved: nothing is written again
  region.show("edge-2", "V7", 20);
  region.disk.kill();
  region.start();
  CHECK(region.log->places().changes() == 1);
  for (int i = 0; i < 300; ++i) {
    region.deliver("edge-1", "v1/V1/event/door", Bytes(4'000, 'x'));
    region.release();
  }
  region.lose_power();
  CHECK(region.edge_of("V7") == "edge-2");
}

TEST_CASE("a damaged file of places is said, and costs only what the log no longer tells") {
  TwoEdges region;
  region.show("edge-1", "V1", 10);
  for (int i = 0; i < 300; ++i) {
    region.deliver("edge-1", "v1/V1/event/door", Bytes(4'000, 'x'));
    region.release();
  }
  region.show("edge-2", "V2", 10);
  REQUIRE(region.log->seal().ok());
  region.disk.flip_bit(kFile, 40, 3);
  std::vector<std::string> sentences;
  region.start(&sentences);
  REQUIRE(sentences.size() == 1);
  CHECK(sentences.front().find("places is damaged") != std::string::npos);
  CHECK(region.edge_of("V1") == "unknown");
  CHECK(region.edge_of("V2") == "edge-2");
}

TEST_CASE("a place at an edge that is configured no more is none") {
  TwoEdges region;
  region.show("edge-2", "V1", 10);
  const VehicleRouter one({{"edge-1", "r1"}, {"edge-2", "r2"}}, region.log->places());
  CHECK(one.edge_of("V1", "r1") == "edge-1");  // the only one of that region
  const VehicleRouter others({{"edge-1", "r1"}, {"edge-3", "r1"}}, region.log->places());
  CHECK_FALSE(others.edge_of("V1", "r1"));
}

TEST_CASE("vehicles above the bound stay unknown, and those that are known still move") {
  VehiclePlaces places(2);
  for (const char* vehicle : {"V1", "V2", "V3"}) places.put(vehicle, "edge-1", 1);
  CHECK(places.vehicles() == 2);
  CHECK(places.edge_of("V3") == nullptr);
  places.put("V1", "edge-2", 2);
  CHECK(*places.edge_of("V1") == "edge-2");
  CHECK(places.changes() == 3);
}

TEST_CASE("a file of places with every byte cut or changed is refused or reads as it was") {
  VehiclePlaces places(10);
  places.put("V1", "edge-1", 1);
  places.put("V2", "edge-2", 2);
  PlacesAsOf as_of;
  as_of.log.bytes.fill(9);
  as_of.below = {77};
  const Bytes good = encode_places(places, as_of);
  VehiclePlaces again(10);
  const auto read = decode_places(good, again);
  REQUIRE(read.ok());
  CHECK(read->below == Offset{77});
  CHECK(read->log == as_of.log);
  CHECK(encode_places(again, as_of) == good);
  for (std::size_t at = 0; at < good.size(); ++at) {
    VehiclePlaces other(10);
    CHECK_FALSE(decode_places(ByteView(good).first(at), other).ok());
    Bytes bad = good;
    bad[at] ^= 0x41;
    CHECK_FALSE(decode_places(bad, other).ok());
  }
}

}  // namespace wayside::test
