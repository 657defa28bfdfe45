// The ack lane and the outbox across crashes: nothing twice, nothing lost, acks before resends.
#include <catch2/catch_test_macros.hpp>

#include "tests/command/machine.h"

using namespace wayside;
using namespace wayside::test;
using cmd::State;

TEST_CASE("a status that the lane refuses is offered again and told to services once") {
  Machine m;
  m.lane_open = false;
  m.ask({});
  REQUIRE(m.count<cmd::Publish>() == 2);
  CHECK(m.last<cmd::Publish>()->first);
  m.run(cmd::StatusInLane{{{kCar, id_of(1)}, 1}, std::nullopt});
  m.run(cmd::StatusInLane{{{kCar, id_of(1)}, 2}, std::nullopt});
  CHECK(m.count<cmd::Publish>() == 2);
  m.pass_ms(cmd::Outbox::kRetryMs);
  REQUIRE(m.count<cmd::Publish>() == 4);
  CHECK_FALSE(m.last<cmd::Publish>()->first);
}

TEST_CASE("a full outbox refuses new commands with SPOOL_FULL") {
  cmd::Options options;
  options.limits.outbox_max = 2;
  Machine m(options);
  m.lane_open = false;
  m.ask({.id = 1});
  m.ask({.id = 2});
  CHECK(m.refusal() == "SPOOL_FULL");
}

TEST_CASE("confirmed statuses leave the store together and late") {
  Machine m;
  m.ask({});
  CHECK(m.lifecycle->outbox_size() == 2);
  m.pass_ms(cmd::Outbox::kConfirmLingerMs);
  CHECK(m.lifecycle->outbox_size() == 0);
}

TEST_CASE("after a crash only what the scan does not meet in the lane is offered") {
  Machine m;
  m.lane_open = false;
  m.ready(1);
  m.ask({});
  REQUIRE(m.count<cmd::Publish>() == 2);
  // The first of the two was synced in the lane, then the process died.
  for (const cmd::Action& action : m.actions) {
    const auto* publish = std::get_if<cmd::Publish>(&action);
    if (publish == nullptr || publish->status.key.version != 1) continue;
    m.lane.push_back({Offset{m.lane_next++}, publish->status, std::nullopt});
  }
  REQUIRE(m.lane.size() == 1);
  m.restart();
  REQUIRE(m.count<cmd::Publish>() == 1);
  CHECK(m.last<cmd::Publish>()->status.key.version == 2);
  CHECK(m.last<cmd::Publish>()->status.state == State::sent);
}

TEST_CASE("a scan begins where acks are applied and statuses are confirmed") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.pass_ms(cmd::Outbox::kConfirmLingerMs);
  m.ack(1, State::received);
  m.pass_ms(cmd::Outbox::kConfirmLingerMs);
  m.ack(1, State::succeeded);
  m.scan_by_hand = true;
  m.restart();
  REQUIRE(m.count<cmd::Scan>() == 1);
  // ACCEPTED 0, SENT 1, ack 2, RECEIVED 3, ack 4, SUCCEEDED 5: the last is not confirmed yet.
  CHECK(m.last<cmd::Scan>()->from == Offset{4});
  m.scan();
  CHECK(m.told(1) == "ACCEPTED SENT RECEIVED SUCCEEDED");
  m.pass_ms(cmd::Outbox::kConfirmLingerMs);
  CHECK(m.lifecycle->outbox_size() == 0);
}

TEST_CASE("acks in the lane are applied before anything is sent again") {
  Machine m;
  m.ready(1);
  m.ask({.id = 1});
  m.ask({.id = 2});
  m.written(1, 1);
  m.written(2, 1);
  m.append_ack({kCar, id_of(1)}, State::succeeded);  // the process died before it heard of it
  m.scan_by_hand = true;
  m.restart();
  m.run(cmd::Ready{kCar, 2, {0, 2}});
  CHECK(m.count<cmd::Deliver>() == 0);
  m.run(cmd::Gone{kCar, {0, 2}});
  m.step(cmd::Ready{kCar, 3, {0, 3}});
  const std::size_t deliveries_before = m.count<cmd::Deliver>();
  CHECK(deliveries_before == 0);
  m.actions.emplace_back(cmd::Scan{{0}});
  m.scan();
  CHECK(m.delivered() == std::vector<std::uint8_t>{2});
  CHECK(m.told(1) == "ACCEPTED SENT SUCCEEDED");
}

TEST_CASE("an ack that was applied is not applied again by a scan that meets it again") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.ack(1, State::received, "COMING");
  m.scan_by_hand = true;
  m.restart();
  m.actions.emplace_back(cmd::Scan{{0}});
  m.scan();
  CHECK(m.told(1) == "ACCEPTED SENT RECEIVED");
}

TEST_CASE("the applied ack offset passes no ack that is still on its way to the store") {
  Machine m;
  const std::string other = "1M8GDM9AXKP042789";
  m.ready(1);
  m.run(cmd::Ready{other, 1, {0, 9}});
  m.ask({.id = 1});
  m.run(cmd::Requested{1, request(m.authority, {.vehicle = other, .id = 2})});
  m.pass_ms(cmd::Outbox::kConfirmLingerMs);
  // The first ack waits behind a transaction of its vehicle; that of the other vehicle is committed first.
  m.step(cmd::Requested{2, request(m.authority, {.id = 3})});
  const cmd::AckInLane first = m.append_ack({kCar, id_of(1)}, State::succeeded);
  m.step(first);
  m.step(m.append_ack({other, id_of(2)}, State::succeeded));
  CHECK(m.store.run(2) == 2);
  m.scan_by_hand = true;
  m.restart();
  REQUIRE(m.count<cmd::Scan>() == 1);
  CHECK(m.last<cmd::Scan>()->from <= *first.offset);
  m.scan();
  CHECK(m.told(1) == "ACCEPTED SENT SUCCEEDED");
  CHECK(m.told(2) == "ACCEPTED SENT SUCCEEDED");
  CHECK(m.told(3) == "ACCEPTED SENT");
}
