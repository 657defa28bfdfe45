// Where vehicles are, as the core knows it after whatever became of it: with two edges in a region a command for a
// vehicle whose place is forgotten reaches nobody.
#include <catch2/catch_test_macros.hpp>

#include "bridge/core/vehicle_router.h"
#include "spool/segment_file.h"
#include "tests/bridge/two_edges.h"

namespace wayside::test {
namespace {

using namespace bridge::core;

const std::string kFile = TwoEdges::kFile;

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
    REQUIRE(region.log->bytes(Lane::event) < 6 * region.options.segment_bytes_max);
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

}  // namespace wayside::test
