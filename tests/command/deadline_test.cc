// Deadlines, clock steps and restarts: no stale command, exactly one outcome (P4).
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/command/machine.h"

using namespace wayside;
using namespace wayside::test;
using cmd::State;

TEST_CASE("a command that was never written is EXPIRED at its deadline") {
  Machine m;
  m.ask({});
  m.pass_ms(59'999);
  CHECK(m.told(1) == "ACCEPTED QUEUED");
  m.pass_ms(1);
  CHECK(m.told(1) == "ACCEPTED QUEUED EXPIRED");
  CHECK(m.last_reason() == "DEADLINE_PASSED");
  m.ready(1);
  CHECK(m.delivered().empty());
}

TEST_CASE("the next tick is due exactly at the next deadline") {
  Machine m;
  m.ask({.id = 1, .deadline_in_ms = 30'000});
  m.ask({.id = 2, .deadline_in_ms = 20'000});
  const auto wake = m.lifecycle->wake({m.clock.wall(), m.clock.mono()});
  REQUIRE(wake.has_value());
  CHECK(*wake - m.clock.mono() <= 20'000);
  m.pass_ms(20'000);
  CHECK(m.told(2) == "ACCEPTED QUEUED EXPIRED");
}

TEST_CASE("a written command without a word ends UNKNOWN_OUTCOME and its connection is reset") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.written(1, 1);
  m.pass_ms(60'000);
  REQUIRE(m.count<cmd::Reset>() == 1);
  CHECK(m.last<cmd::Reset>()->at == cmd::Connection{0, 1});
  m.run(cmd::Gone{kCar, {0, 1}});
  m.pass_ms(9'999);
  CHECK(m.told(1) == "ACCEPTED SENT");
  m.pass_ms(1);
  CHECK(m.told(1) == "ACCEPTED SENT UNKNOWN_OUTCOME");
  m.ack(1, State::succeeded);
  CHECK(m.last<cmd::AckVerdict>()->late);
  CHECK(m.told(1) == "ACCEPTED SENT UNKNOWN_OUTCOME");
}

TEST_CASE("without a wait for the vehicle's word UNKNOWN_OUTCOME comes at the deadline itself") {
  cmd::Options options;
  options.limits.outcome_wait_ms = 0;
  Machine m(options);
  m.ready(1);
  m.ask({});
  m.written(1, 1);
  m.pass_ms(60'000);
  CHECK(m.told(1) == "ACCEPTED SENT UNKNOWN_OUTCOME");
  CHECK(m.count<cmd::Reset>() == 1);
}

TEST_CASE("a received command resets no connection") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.written(1, 1);
  m.puback(1, 1);
  m.pass_ms(60'000);
  CHECK(m.count<cmd::Reset>() == 0);
  m.ack(1, State::succeeded);
  CHECK(m.told(1) == "ACCEPTED SENT RECEIVED SUCCEEDED");
}

// hostile 16: 0.4 s left, the radio stalls for 5 s.
TEST_CASE("a command with little time left on a stalled radio is never acted on and ends EXPIRED") {
  Machine m;
  m.ready(1);
  m.ask({.deadline_in_ms = 400});
  REQUIRE(m.count<cmd::Deliver>() == 1);

  SECTION("when the gate found the deadline passed before it wrote") {
    m.pass_ms(5'000);
    m.written(1, 1, false);
  }
  SECTION("when the gate dropped it with the connection that was reset") {
    m.pass_ms(400);
    CHECK(m.count<cmd::Reset>() == 1);
    m.run(cmd::Gone{kCar, {0, 1}});
  }
  SECTION("when its bytes arrived late and the vehicle refused them") {
    m.written(1, 1);
    m.pass_ms(5'000);
    m.ack(1, State::expired, "DEADLINE_PASSED");
  }
  CHECK(m.told(1) == "ACCEPTED SENT EXPIRED");
  m.ready(2);
  CHECK(m.count<cmd::Deliver>() == 1);
}

TEST_CASE("a clock that steps back revives no command") {
  Machine m;
  m.ask({});
  m.pass_ms(30'000);
  m.ask({.id = 2, .now = m.clock.wall(), .deadline_in_ms = 50'000});
  m.clock.step_wall_ms(-3'600'000);
  m.pass_ms(30'000);
  CHECK(m.told(1) == "ACCEPTED QUEUED EXPIRED");

  SECTION("also across a restart") {
    m.restart();
    m.ready(1);
    CHECK(m.delivered() == std::vector<std::uint8_t>{2});
    m.pass_ms(20'000);
    CHECK(m.told(2) == "ACCEPTED QUEUED SENT");
    m.ask({.id = 3, .now = m.clock.wall(), .deadline_in_ms = 60'000});
    CHECK(m.refusal() == "DEADLINE_PASSED");
  }
}

TEST_CASE("a clock that leaps ahead is an alarm and moves the durable mark by clock_step_max only") {
  cmd::Options options;
  options.limits.clock_step_max_ms = 3'600'000;
  Machine m(options);
  const WallMs start = m.clock.wall();
  m.ask({.deadline_in_ms = 60'000});
  m.clock.step_wall_ms(365LL * 24 * 3'600'000);
  m.pass_ms(1'000);
  CHECK(m.told(1) == "ACCEPTED QUEUED EXPIRED");
  CHECK(m.count<cmd::Alarm>() == 1);
  m.clock.step_wall_ms(-365LL * 24 * 3'600'000);
  m.pass_ms(1'000);
  // Back at the right time, new commands live as before.
  m.ask({.id = 2, .now = {start.value + 3'600'000}, .deadline_in_ms = 60'000});
  CHECK(m.refusal() == "ACCEPTED");
  CHECK(m.lifecycle->time({m.clock.wall(), m.clock.mono()}).value <= start.value + 3'600'000 + 60'000);
}

TEST_CASE("a revocation list proves how late it is at least") {
  Machine m;
  const WallMs issued{m.clock.wall().value + 600'000};
  m.run(cmd::ListOffered{1, m.authority.revocation(1, 99, issued)});
  REQUIRE(m.last<cmd::ListVerdict>()->accepted);
  m.ask({});
  CHECK(m.refusal() == "DEADLINE_PASSED");
}

// hostile 32, as far as one edge sees it.
TEST_CASE("an intent is worth one execution whatever is tried with it") {
  Machine m;
  const Bytes first = request(m.authority, {});
  m.ready(1);
  m.run(cmd::Requested{1, first});
  m.written(1, 1);

  SECTION("another deadline under its id") {
    m.ask({.deadline_in_ms = 61'000});
    CHECK(m.refusal() == "ID_CONFLICT");
  }
  SECTION("another grant under its id") {
    m.ask({.serial = 8});
    CHECK(m.refusal() == "ID_CONFLICT");
  }
  SECTION("another issuer reuses its id") {
    m.ask({.by_other = true});
    CHECK(m.refusal() == "ID_CONFLICT");
  }
  SECTION("the car reboots and comes back") {
    m.run(cmd::Gone{kCar, {0, 1}});
    m.ready(2);
    m.ack(1, State::succeeded);
    m.ready(3);
    CHECK(m.delivered().size() == 2);
  }
  SECTION("the clock goes an hour back and the intent comes again") {
    m.ack(1, State::succeeded);
    m.clock.step_wall_ms(-3'600'000);
    m.run(cmd::Requested{2, first});
    CHECK(m.refusal() == "ACCEPTED");
    CHECK(m.last<cmd::Answer>()->repeated);
    CHECK(m.delivered().size() == 1);
  }
  SECTION("an old revocation list that does not name the grant comes again") {
    m.run(cmd::ListOffered{5, m.authority.revocation(2, 7)});
    m.run(cmd::ListOffered{6, m.authority.revocation(1, 0)});
    CHECK(m.last<cmd::ListVerdict>()->reason == Reason::LIST_NUMBER_LOW);
    m.ask({.id = 2});
    CHECK(m.refusal() == "GRANT_REVOKED");
    m.run(cmd::Gone{kCar, {0, 1}});
    m.ready(2);
    CHECK(m.delivered().size() == 1);
  }
  CHECK(m.told(1).starts_with("ACCEPTED SENT"));
}

TEST_CASE("a restart goes on where the store stands") {
  Machine m;
  m.ready(1);
  m.ask({.id = 1});
  m.written(1, 1);
  m.ask({.id = 2});
  m.puback(2, 1);
  m.run(cmd::Gone{kCar, {0, 1}});
  m.ask({.id = 3});
  m.restart();
  CHECK(m.lifecycle->open_commands() == 3);
  m.ready(2);
  CHECK(m.delivered() == std::vector<std::uint8_t>{1, 3});
  m.ack(1, State::succeeded);
  m.ack(2, State::failed);
  m.ack(3, State::rejected);
  CHECK(m.told(1) == "ACCEPTED SENT SUCCEEDED");
  CHECK(m.told(2) == "ACCEPTED SENT RECEIVED FAILED");
  CHECK(m.told(3) == "ACCEPTED QUEUED SENT REJECTED");
}

TEST_CASE("what the store had not executed at a crash was never answered") {
  Machine m;
  m.step(cmd::Requested{1, request(m.authority, {})});
  m.restart();
  CHECK(m.lifecycle->open_commands() == 0);
  m.ask({});
  CHECK(m.told(1) == "ACCEPTED QUEUED");
}

TEST_CASE("a command whose SENT was committed at a crash is UNKNOWN_OUTCOME, not EXPIRED") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.restart();
  m.pass_ms(70'000);
  CHECK(m.told(1) == "ACCEPTED SENT UNKNOWN_OUTCOME");
}

TEST_CASE("another owner of the vehicle stops this one until it has read again") {
  Machine m;
  m.ask({});
  m.store.steal_lease(kCar, "edge-2");
  m.ready(1);
  CHECK(m.count<cmd::Deliver>() == 0);
  CHECK(m.count<cmd::Alarm>() >= 1);
  m.pass_ms(5'000);
  CHECK(m.count<cmd::Deliver>() == 0);
  m.store.steal_lease(kCar, "edge-1");  // handed back
  m.pass_ms(5'000);
  CHECK(m.delivered() == std::vector<std::uint8_t>{1});
}
