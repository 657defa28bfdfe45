// The command thread between real custody, a real store and the ports of the gate.
#include <catch2/catch_test_macros.hpp>
#include <future>

#include "tests/broker/support/desk_edge.h"

namespace wayside::broker {
namespace {

using command::State;
using test::Ask;
using test::DeskEdge;
using test::DeskLanes;
using test::id_of;
using test::kDeskCar;

}  // namespace

TEST_CASE("CommandDesk: a command goes to its vehicle and every status to services and the ack lane") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  const auto deliver = edge.io.take<Deliver>();
  REQUIRE(deliver.has_value());
  CHECK(deliver->to == ConnectionRef{0, 1});
  CHECK(intent::open_request(deliver->request).ok());
  REQUIRE(edge.desk->post(CommandWritten{kDeskCar, id_of(1), {0, 1}, true}));
  REQUIRE(edge.desk->post(CommandPuback{kDeskCar, id_of(1), {0, 1}}));
  CHECK(edge.next_states(3) == "ACCEPTED SENT RECEIVED");
  const Committed acked = edge.ack(1, State::succeeded, "DONE");
  CHECK(acked.ok);
  CHECK(acked.lane == Lane::ack);
  const auto last = edge.next_status();
  REQUIRE(last.has_value());
  CHECK(schemas::to_string(last->state) == "SUCCEEDED");
  CHECK(last->reason == "DONE");
  CHECK(last->edge == "edge-1");
  CHECK(last->version == 4);

  REQUIRE(edge.lanes_become(4, 1));
  const DeskLanes lanes = edge.read_lanes();
  CHECK(lanes.acks == 1);
  CHECK(lanes.audits.front().find("\"outcome\":\"ACCEPTED\"") != std::string::npos);
  CHECK(edge.metrics->text().find("wayside_commands_total") != std::string::npos);
}

TEST_CASE("CommandDesk: who asks for a vehicle is told its open commands in their order, and no others") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  const auto waiting = [&](const std::string& vehicle) {
    auto answer = std::make_shared<std::promise<std::vector<WaitingCommand>>>();
    auto future = answer->get_future();
    REQUIRE(
        edge.desk->post(CommandsAsked{vehicle, [answer](std::vector<WaitingCommand> all) { answer->set_value(all); }}));
    REQUIRE(future.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
    return future.get();
  };
  CHECK(waiting(kDeskCar).empty());
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.ask(Ask{.id = 2}) == "ACCEPTED");
  const auto queued = waiting(kDeskCar);
  REQUIRE(queued.size() == 2);
  CHECK(queued[0].id == id_of(1));
  CHECK(queued[0].state == "QUEUED");
  CHECK_FALSE(queued[0].group.empty());
  CHECK(queued[0].deadline > queued[0].accepted_at);
  CHECK_FALSE(queued[0].written);
  CHECK(queued[1].id == id_of(2));
  CHECK(waiting("somebody-else").empty());
  edge.ready(1);
  REQUIRE(edge.io.take<Deliver>());
  REQUIRE(edge.desk->post(CommandWritten{kDeskCar, id_of(1), {0, 1}, true}));
  const auto sent = waiting(kDeskCar);
  REQUIRE(sent.size() == 2);
  CHECK(sent[0].state == "SENT");
  CHECK(sent[0].written);
}

TEST_CASE("CommandDesk: refused requests are audited when their signatures hold and reach no vehicle") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{.group = "engine"}) == "GRANT_SCOPE");
  CHECK(edge.ask(Ask{.id = 2, .deadline_in_ms = -1}) == "DEADLINE_PASSED");
  Bytes forged = test::request(edge.authority, {.now = edge.clock.wall()});
  forged[60] ^= 1U;
  CHECK(edge.ask(forged) == "SIGNATURE_INVALID");
  CHECK(edge.lanes_become(0, 2));
  CHECK_FALSE(edge.io.take<Deliver>(0).has_value());
}

TEST_CASE("CommandDesk: a request from the bridge is answered by its callback") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  std::promise<std::pair<bool, Reason>> answered;
  REQUIRE(edge.desk->post(CommandRequested{
      test::request(edge.authority, {.now = edge.clock.wall()}), {}, 0, [&](bool accepted, Reason reason) {
        answered.set_value({accepted, reason});
      }}));
  auto answer = answered.get_future();
  REQUIRE(answer.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
  CHECK(answer.get().first);
  CHECK_FALSE(edge.io.take<CommandAnswer>(0).has_value());
}

TEST_CASE("CommandDesk: an ack of an unknown command is not taken into custody") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  const Committed answer = edge.ack(9, State::succeeded);
  CHECK_FALSE(answer.ok);
  CHECK(answer.reason == Reason::COMMAND_UNKNOWN);
  CHECK(edge.read_lanes().acks == 0);
}

TEST_CASE("CommandDesk: an ack that comes late is committed, counted and changes nothing") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  edge.ready(1);
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.ack(1, State::succeeded).ok);
  CHECK(edge.next_states(3) == "ACCEPTED SENT SUCCEEDED");
  CHECK(edge.ack(1, State::failed).ok);
  CHECK(edge.read_lanes().acks == 2);
  CHECK(edge.metrics->text().find("outcome=\"late\"") != std::string::npos);
  CHECK_FALSE(edge.io.take<ServiceEvent>(50).has_value());
}

TEST_CASE("CommandDesk: a deadline passes without anything else happening") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  CHECK(edge.ask(Ask{.deadline_in_ms = 300}) == "ACCEPTED");
  CHECK(edge.next_states(3) == "ACCEPTED QUEUED EXPIRED");
  edge.ready(1);
  CHECK(edge.ask(Ask{.id = 2, .deadline_in_ms = 300}) == "ACCEPTED");
  const auto deliver = edge.io.take<Deliver>();
  REQUIRE(deliver.has_value());
  CHECK(deliver->id == id_of(2));
  REQUIRE(edge.desk->post(CommandWritten{kDeskCar, id_of(2), {0, 1}, true}));
  const auto reset = edge.io.take<CloseConnection>();
  REQUIRE(reset.has_value());
  CHECK(reset->reset);
  CHECK(reset->to == ConnectionRef{0, 1});
  CHECK(edge.next_states(3) == "ACCEPTED SENT UNKNOWN_OUTCOME");
}

TEST_CASE("CommandDesk: a store that cannot be read fails the open with its path") {
  const test::TempDir dir("desk");
  dir.write("commands.db", std::string(4'096, 'x'));
  const auto disk = os::make_posix_disk();
  const os::SystemClock clock;
  const auto metrics = metrics::Registry::create();
  DeskOptions options;
  options.store_file = dir / "commands.db";
  const auto desk = CommandDesk::open(*disk, clock, *metrics, options);
  REQUIRE_FALSE(desk.ok());
  CHECK(desk.error().what.find("commands.db") != std::string::npos);
}

TEST_CASE("CommandDesk: a command for a connected vehicle is delivered within a few syncs") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  edge.ready(1);
  const MonoMs before = edge.clock.mono();
  for (std::uint8_t id = 1; id <= 10; ++id) {
    CHECK(edge.ask(Ask{.id = id}) == "ACCEPTED");
    CHECK(edge.io.take<Deliver>().has_value());
  }
  // Far below ten turns of the 50 ms look at the folder, even where a sync is slow.
  CHECK(edge.clock.mono() - before < 400);
}

}  // namespace wayside::broker
