// The file of the vehicles' places: written a piece at a time while they move, whole whenever it is read.
#include <algorithm>
#include <array>
#include <catch2/generators/catch_generators.hpp>
#include <map>

#include "bridge/core/core_link.h"
#include "tests/bridge/two_edges.h"

namespace wayside::test {
namespace {

using namespace bridge::core;

constexpr std::size_t kPiece = 10;
constexpr std::uint64_t kPieceBytesMax = 256;  // of ten vehicles with short names, or what stands before them

std::string name_of(std::size_t vehicle) {
  const std::string digits = std::to_string(vehicle);
  return "V" + std::string(4 - digits.size(), '0') + digits;
}

CoreLogOptions in_pieces() {
  CoreLogOptions out = TwoEdges::small();
  out.places_a_piece = kPiece;
  out.checkpoint_records = 20;
  return out;
}

Bytes encode_all(const VehiclePlaces& places, const PlacesAsOf& as_of) {
  PlacesEncoder encoder(places, as_of, kPiece);
  Bytes all;
  Bytes piece;
  Piece what = Piece::more;
  while (what == Piece::more) {
    what = encoder.next(piece);
    all.insert(all.end(), piece.begin(), piece.end());
  }
  REQUIRE(what == Piece::last);
  return all;
}

bool there(const SimDisk& disk, const std::string& path) {
  const std::vector<std::string> files = disk.files();
  return std::find(files.begin(), files.end(), path) != files.end();
}

std::size_t size_of(const SimDisk& disk, const std::string& path) {
  return there(disk, path) ? disk.content(path).size() : 0;
}

// Of what is shown, what a sync made durable.
struct Durable {
  void show(const std::string& edge, std::size_t vehicle) {
    region.say_presence(edge, name_of(vehicle), ++epoch);
    staged[vehicle] = edge;
  }
  // False: the disk failed, which only `allowed` may bring about.
  bool turn(bool allowed) {
    const bool flushed = region.log->flush(TwoEdges::kNow, nullptr).ok();
    if (flushed) {
      for (const auto& [vehicle, edge] : staged) shown[vehicle] = edge;
      staged.clear();
    }
    const bool written = region.log->write_places().ok();
    const bool accounted = !region.log->checkpoint_due() || region.log->checkpoint().ok();
    const bool fine = flushed && written && accounted;
    REQUIRE((fine || allowed));
    return fine;
  }
  void compare() const {
    for (const auto& [vehicle, edge] : shown) {
      INFO(name_of(vehicle));
      if (!staged.contains(vehicle)) REQUIRE(region.edge_of(name_of(vehicle)) == edge);
    }
  }

  TwoEdges region{in_pieces()};
  std::map<std::size_t, std::string> shown;
  std::map<std::size_t, std::string> staged;  // maybe durable, once a sync has failed or the power went
  std::uint64_t epoch = 0;
};

}  // namespace

TEST_CASE("a file of places with every byte cut or changed is refused or reads as it was") {
  VehiclePlaces places(10);
  places.put("V1", "edge-1", 1);
  places.put("V2", "edge-2", 2);
  PlacesAsOf as_of;
  as_of.log.bytes.fill(9);
  as_of.below = {77};
  const Bytes good = encode_all(places, as_of);
  VehiclePlaces again(10);
  const auto read = decode_places(good, again);
  REQUIRE(read.ok());
  CHECK(read->below == Offset{77});
  CHECK(read->log == as_of.log);
  CHECK(encode_all(again, as_of) == good);
  for (std::size_t at = 0; at < good.size(); ++at) {
    VehiclePlaces other(10);
    CHECK_FALSE(decode_places(ByteView(good).first(at), other).ok());
    Bytes bad = good;
    bad[at] ^= 0x41;
    CHECK_FALSE(decode_places(bad, other).ok());
  }
}

TEST_CASE("the file of places is written a piece a turn, and a checkpoint or a release waits for none of it") {
  TwoEdges region(in_pieces());
  constexpr std::size_t kVehicles = 500;
  for (std::size_t i = 0; i < kVehicles; ++i) region.say_presence("edge-1", name_of(i), 10);
  REQUIRE(region.log->flush(TwoEdges::kNow, nullptr).ok());
  REQUIRE(region.log->checkpoint_due());
  REQUIRE(region.log->checkpoint().ok());
  region.release();
  REQUIRE(size_of(region.disk, TwoEdges::kBeside) == 0);
  REQUIRE_FALSE(there(region.disk, TwoEdges::kFile));
  std::size_t turns = 0;
  for (std::size_t before = 0; !there(region.disk, TwoEdges::kFile); ++turns) {
    const std::uint64_t writes = region.disk.calls(SimCall::pwrite);
    const std::uint64_t syncs = region.disk.calls(SimCall::fdatasync);
    region.turn();
    REQUIRE(region.disk.calls(SimCall::pwrite) - writes <= 1);
    REQUIRE(region.disk.calls(SimCall::fdatasync) - syncs == region.disk.calls(SimCall::pwrite) - writes);
    const std::size_t now = size_of(region.disk, TwoEdges::kBeside);
    if (there(region.disk, TwoEdges::kFile)) continue;
    REQUIRE(now > before);
    REQUIRE(now <= before + kPieceBytesMax);
    before = now;
  }
  CHECK(turns == kVehicles / kPiece + 1);  // the last one: it takes its place
  CHECK(region.log->places().changes() == 0);
  region.lose_power();
  CHECK(region.edge_of(name_of(0)) == "edge-1");
  CHECK(region.edge_of(name_of(kVehicles - 1)) == "edge-1");
  CHECK(region.log->places().changes() == 0);
}

TEST_CASE("a file of places has who was there when it was begun, where each was then or later") {
  VehiclePlaces places(1'000);
  for (std::size_t i = 0; i < 100; i += 2) places.put(name_of(i), i < 50 ? "edge-1" : "edge-2", 1);
  PlacesEncoder encoder(places, {}, kPiece);
  Bytes all;
  Bytes piece;
  REQUIRE(encoder.next(piece) == Piece::more);
  all.insert(all.end(), piece.begin(), piece.end());
  places.put(name_of(0), "edge-2", 2);   // is written already
  places.put(name_of(90), "edge-1", 2);  // is not
  for (std::size_t i = 1; i < 100; i += 2) places.put(name_of(i), "edge-1", 2);
  Piece what = Piece::more;
  while (what == Piece::more) {
    what = encoder.next(piece);
    REQUIRE(piece.size() <= kPieceBytesMax);
    all.insert(all.end(), piece.begin(), piece.end());
  }
  REQUIRE(what == Piece::last);
  VehiclePlaces read(1'000);
  REQUIRE(decode_places(all, read).ok());
  CHECK(read.vehicles() == 50);
  CHECK(*read.edge_of(name_of(0)) == "edge-1");
  CHECK(*read.edge_of(name_of(90)) == "edge-1");
  CHECK(*read.edge_of(name_of(92)) == "edge-2");
  CHECK(read.edge_of(name_of(1)) == nullptr);
}

TEST_CASE("a vehicle that moved while the file of places was written is found after its record is gone") {
  TwoEdges region(in_pieces());
  for (std::size_t i = 0; i < 100; ++i) region.say_presence("edge-1", name_of(i), 1);
  region.turn();
  REQUIRE(region.log->checkpoint().ok());
  for (int i = 0; i < 3; ++i) region.turn();
  region.show("edge-2", name_of(0), 2);  // its piece is written
  for (int i = 0; i < 20; ++i) region.turn();
  REQUIRE(there(region.disk, TwoEdges::kFile));
  CHECK(region.log->places().changes() == 1);
  for (int i = 0; i < 300; ++i) {
    region.deliver("edge-1", "v1/V/event/door", Bytes(4'000, 'x'));
    if (region.log->checkpoint_due()) REQUIRE(region.log->checkpoint().ok());
    region.release();
  }
  region.lose_power();
  CHECK(region.edge_of(name_of(0)) == "edge-2");
}

TEST_CASE("an edge that comes while the file of places is written has it begun anew") {
  SimDisk disk;
  REQUIRE(disk.make_dir("/core/log").ok());
  VehiclePlaces places(1'000);
  for (std::size_t i = 0; i < 50; ++i) places.put(name_of(i), "edge-1", 1);
  PlacesWriter writer(disk, "/core/log", places, {}, kPiece);
  for (int i = 0; i < 3; ++i) REQUIRE(writer.write_piece().ok());
  places.put(name_of(45), "edge-9", 2);
  int pieces = 0;
  for (; !writer.done(); ++pieces) REQUIRE(writer.write_piece().ok());
  CHECK(pieces == 2 + 5 + 1);  // up to that vehicle, all of them again, its place
  VehiclePlaces read(1'000);
  REQUIRE(load_places(disk, "/core/log", read).ok());
  CHECK(read.vehicles() == 50);
  CHECK(*read.edge_of(name_of(45)) == "edge-9");
}

TEST_CASE("a vehicle at one edge more than a file can name stays where it was") {
  VehiclePlaces places(100'000);
  for (std::size_t i = 0; i < VehiclePlaces::kEdgesMax; ++i) places.put("V", "edge-" + std::to_string(i), i);
  places.put("V", "one more", 1'000'000);
  places.put("W", "one more", 1);
  CHECK(*places.edge_of("V") == "edge-65535");
  CHECK(places.vehicles() == 1);
}

TEST_CASE("a disk that fails while places are written is an alarm, and leaves the file before and nothing beside it") {
  TwoEdges region(in_pieces());
  auto dead = DeadLetters::open(region.disk, "/core/dead", 10);
  REQUIRE(dead.ok());
  CoreOptions core;
  core.edges = {{"edge-1", "r1"}, {"edge-2", "r1"}};
  CoreLink link(core, *region.log, **dead);
  std::int64_t ms = 0;
  const auto alarms = [&] {
    std::size_t n = 0;
    for (const CoreAction& action : link.step({{TwoEdges::kNow, MonoMs{ms += 50}}, Tick{}})) {
      const auto* alarm = std::get_if<Alarm>(&action);
      if (alarm != nullptr && alarm->reason == Reason::CORE_LOG_FAULT) ++n;
    }
    return n;
  };
  const auto move_all_to = [&](const std::string& edge, std::uint64_t epoch) {
    for (std::size_t i = 0; i < 50; ++i) region.say_presence(edge, name_of(i), epoch);
  };
  move_all_to("edge-1", 1);
  for (int i = 0; i < 20; ++i) REQUIRE(alarms() == 0);
  const Bytes before = region.disk.content(TwoEdges::kFile);
  move_all_to("edge-2", 2);
  REQUIRE(alarms() == 0);  // durable, and the file begun
  REQUIRE(there(region.disk, TwoEdges::kBeside));
  const SimCall call = GENERATE(SimCall::pwrite, SimCall::fdatasync, SimCall::rename);
  region.disk.fail(call, call == SimCall::pwrite ? Fault::no_space : Fault::io);
  std::size_t failed = 0;
  for (int i = 0; i < 10; ++i) failed += alarms();
  CHECK(failed == 1);
  CHECK(region.disk.content(TwoEdges::kFile) == before);
  CHECK_FALSE(there(region.disk, TwoEdges::kBeside));
  move_all_to("edge-1", 3);  // the next checkpoint tries again
  for (int i = 0; i < 20; ++i) REQUIRE(alarms() == 0);
  CHECK(region.disk.content(TwoEdges::kFile) != before);
  CHECK(region.log->places().changes() == 0);
}

TEST_CASE("wherever a death or a fault of the disk meets the file of places, no place that was durable is forgotten") {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    Durable run;
    SeededRng rng(seed);
    bool faulty = false;
    for (int step = 0; step < 400; ++step) {
      const std::uint64_t dice = rng.below(100);
      if (dice < 60) run.show(rng.below(2) == 0 ? "edge-1" : "edge-2", rng.below(60));
      if (dice >= 60 && dice < 70) run.region.say("edge-1", "v1/V/event/door", Bytes(3'000, 'x'));
      if (dice == 70) {
        constexpr std::array kCalls = {SimCall::open,   SimCall::pwrite, SimCall::fdatasync,
                                       SimCall::rename, SimCall::remove, SimCall::fsync_dir};
        run.region.disk.fail(kCalls.at(rng.below(kCalls.size())), Fault::no_space, static_cast<unsigned>(rng.below(6)));
        faulty = true;
      }
      if (dice > 70 && dice < 90) (void)run.region.log->release(Lane::event, run.region.log->synced(Lane::event));
      const bool fine = run.turn(faulty);
      if (fine && dice < 98) continue;
      run.region.disk.clear_faults();
      faulty = false;
      dice % 2 == 0 ? run.region.disk.kill() : run.region.disk.power_loss(rng);
      run.region.start();
      run.compare();
      for (const auto& [vehicle, edge] : run.staged) run.shown.erase(vehicle);  // said, and who knows
      run.staged.clear();
    }
    run.region.disk.clear_faults();
    REQUIRE(run.region.log->seal().ok());
    run.region.start();
    run.compare();
  }
}

}  // namespace wayside::test
