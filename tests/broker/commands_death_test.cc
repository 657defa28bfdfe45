// What the next life of the command thread makes of commands, statuses and acks that a death left half done.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "spool/lane.h"
#include "spool/settlement.h"
#include "tests/broker/support/desk_edge.h"
#include "tests/support/process.h"

namespace wayside::broker {
namespace {

using command::State;
using test::Ask;
using test::DeskEdge;
using test::DeskLanes;
using test::id_of;

}  // namespace

TEST_CASE("CommandDesk: statuses that reached the lane before a death are not appended twice") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  edge.door->mute = true;
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.next_states(2) == "ACCEPTED QUEUED");
  REQUIRE(edge.lanes_become(2, 1));
  edge.restart_desk();
  edge.ready(1);
  REQUIRE(edge.io.take<Deliver>().has_value());
  CHECK(edge.next_states(1) == "SENT");
  REQUIRE(edge.lanes_become(3, 1));
  const DeskLanes lanes = edge.read_lanes();
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(lanes.statuses[i].version == i + 1);
}

TEST_CASE("CommandDesk: what a scan would ask for is not released though it is settled") {
  const test::TempDir dir("desk");
  constexpr int kFiller = 40;
  const auto settle_all = [&](DeskEdge& edge) {
    const spool::Volume& volume = edge.custody->volume();
    auto log = spool::SettlementLog::open(*edge.disk, volume.lane_dir(Lane::ack), volume.uuid, Lane::ack);
    auto reader = spool::LaneReader::open(*edge.disk, volume.lane_dir(Lane::ack), volume.uuid, Lane::ack);
    REQUIRE(log.ok());
    REQUIRE(reader.ok());
    spool::Standing standing;
    standing.next = (*reader)->synced();
    standing.digest = (*reader)->digest_before(standing.next).value();
    standing.totals.delivered = standing.next.value;
    standing.cohorts["other"] = standing.totals;
    REQUIRE((*log)->settle(standing).ok());
  };
  {
    DeskEdge edge(dir);
    edge.door->mute = true;
    CHECK(edge.ask(Ask{}) == "ACCEPTED");
    CHECK(edge.next_states(2) == "ACCEPTED QUEUED");
    REQUIRE(edge.lanes_become(2, 1));
    for (int i = 0; i < kFiller; ++i) {  // more than a segment
      Offer filler;
      filler.lane = Lane::ack;
      filler.body = Bytes(128U << 10U);
      filler.done = [](const Committed&) {};
      REQUIRE(edge.custody->offer(std::move(filler)).ok());
    }
    REQUIRE(test::wait_until([&] { return edge.custody->ledger(Lane::ack).synced == Offset{2 + kFiller}; }, 5'000));
    settle_all(edge);
  }
  // The next life recovers the lane and could release the segment that both statuses are in.
  DeskEdge edge(dir);
  edge.ready(1);
  CHECK(edge.next_states(1) == "SENT");
  REQUIRE(test::wait_until([&] { return edge.custody->ledger(Lane::ack).synced >= Offset{3 + kFiller}; }, 5'000));
  CHECK_FALSE(edge.io.take<ServiceEvent>(50).has_value());
  CHECK(edge.custody->ledger(Lane::ack).synced == Offset{3 + kFiller});
  // Once it is confirmed it goes.
  const auto oldest = [&] {
    const spool::Volume& volume = edge.custody->volume();
    auto reader = spool::LaneReader::open(*edge.disk, volume.lane_dir(Lane::ack), volume.uuid, Lane::ack);
    return reader.ok() ? (*reader)->oldest().value() : Offset{};
  };
  CHECK(test::wait_until([&] { return oldest() >= Offset{2}; }, 5'000));
}

TEST_CASE("CommandDesk: an ack that was committed before a death is applied before any resend") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{.id = 1}) == "ACCEPTED");
  CHECK(edge.ask(Ask{.id = 2}) == "ACCEPTED");
  REQUIRE(edge.io.take<Deliver>().has_value());
  REQUIRE(edge.io.take<Deliver>().has_value());
  CHECK(edge.next_states(4) == "ACCEPTED SENT ACCEPTED SENT");
  REQUIRE(edge.lanes_become(4, 2));
  // The broker dies between the commit of the ack and its application.
  edge.put_ack(1, State::succeeded);
  edge.restart_desk();
  CHECK(edge.next_states(1) == "SUCCEEDED");
  edge.ready(2);
  const auto deliver = edge.io.take<Deliver>();
  REQUIRE(deliver.has_value());
  CHECK(deliver->id == id_of(2));
  CHECK_FALSE(edge.io.take<Deliver>(50).has_value());
}

TEST_CASE("CommandDesk: an ack in a fresh spool counts though the spool before it was longer") {
  const test::TempDir dir("desk");
  {
    DeskEdge edge(dir);
    edge.ready(1);
    CHECK(edge.ask(Ask{.id = 1}) == "ACCEPTED");
    CHECK(edge.next_states(2) == "ACCEPTED SENT");
    CHECK(edge.ack(1, State::succeeded).ok);
    CHECK(edge.next_states(1) == "SUCCEEDED");
    CHECK(edge.ask(Ask{.id = 2}) == "ACCEPTED");
    CHECK(edge.next_states(2) == "ACCEPTED SENT");
    CHECK(edge.ack(2, State::received).ok);
    CHECK(edge.next_states(1) == "RECEIVED");
    REQUIRE(edge.lanes_become(6, 2));
    REQUIRE(test::wait_until([&] { return edge.outbox_is_empty(); }, 5'000));
  }
  std::filesystem::remove_all(dir / "spool");  // the store stayed
  DeskEdge edge(dir);
  SECTION("while the broker runs") {
    edge.ready(2);
    CHECK(edge.ack(2, State::succeeded).ok);
    CHECK(edge.next_states(1) == "SUCCEEDED");
  }
  SECTION("that only the lane has when the broker starts again") {
    edge.put_ack(2, State::succeeded);
    edge.restart_desk();
    CHECK(edge.next_states(1) == "SUCCEEDED");
  }
}

}  // namespace wayside::broker
