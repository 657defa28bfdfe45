#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/command/machine.h"

using namespace wayside;
using namespace wayside::test;
using cmd::State;

TEST_CASE("a command is answered ACCEPTED only after the store has committed it") {
  Machine m;
  m.step(cmd::Requested{1, request(m.authority, {})});
  CHECK(m.count<cmd::Answer>() == 0);
  CHECK(m.count<cmd::Publish>() == 0);
  m.settle();
  CHECK(m.refusal() == "ACCEPTED");
  CHECK(m.told(1) == "ACCEPTED QUEUED");
}

TEST_CASE("a store that fails is asked what stands before the requester is told") {
  Machine m;
  SECTION("nothing stands: STORE_FAULT, and accepted later") {
    m.store.fail_next(false);
    m.ask({});
    CHECK(m.refusal() == "STORE_FAULT");
  }
  SECTION("it stands: ACCEPTED") {
    m.store.fail_next(true);
    m.ask({});
    CHECK(m.refusal() == "ACCEPTED");
  }
  SECTION("it does not say: STORE_FAULT, and the same request finds out") {
    m.store.fail_next(true);
    m.step(cmd::Requested{1, request(m.authority, {})});
    m.store.run(1);
    m.take_completions();
    m.store.fail_next(false);
    m.settle();
    CHECK(m.refusal() == "STORE_FAULT");
  }
  CHECK(m.count<cmd::Alarm>() >= 1);
  m.pass_ms(1'000);
  m.pass_ms(1'000);
  m.ask({});
  CHECK(m.refusal() == "ACCEPTED");
  CHECK(m.told(1) == "ACCEPTED QUEUED");
  m.ready(1);
  CHECK(m.delivered() == std::vector<std::uint8_t>{1});
}

TEST_CASE("a transition that the store failed is tried again after a pause") {
  Machine m;
  m.ask({});
  m.store.fail_next(false);
  m.ready(1);
  CHECK(m.count<cmd::Deliver>() == 0);
  m.pass_ms(999);
  CHECK(m.count<cmd::Deliver>() == 0);
  m.pass_ms(1);
  CHECK(m.delivered() == std::vector<std::uint8_t>{1});
  CHECK(m.told(1) == "ACCEPTED QUEUED SENT");
}

TEST_CASE("SENT is committed before the command is delivered") {
  Machine m;
  m.ask({});
  m.step(cmd::Ready{kCar, 1, {0, 1}});
  CHECK(m.count<cmd::Deliver>() == 0);
  m.settle();
  REQUIRE(m.count<cmd::Deliver>() == 1);
  CHECK(*m.last<cmd::Deliver>()->request == request(m.authority, {}));
  CHECK(m.told(1) == "ACCEPTED QUEUED SENT");
}

TEST_CASE("a command for a ready vehicle costs one transaction until it is delivered") {
  Machine m;
  m.ready(1);
  m.step(cmd::Requested{1, request(m.authority, {})});
  CHECK(m.store.submitted() == 1);
  CHECK(m.store.run(1) == 1);
  m.take_completions();
  CHECK(m.count<cmd::Deliver>() == 1);
  CHECK(m.refusal() == "ACCEPTED");
}

TEST_CASE("the vehicle's PUBACK is RECEIVED and its word ends the command") {
  const auto [word, name] = GENERATE(std::pair{State::succeeded, "SUCCEEDED"}, std::pair{State::failed, "FAILED"},
                                     std::pair{State::rejected, "REJECTED"}, std::pair{State::expired, "EXPIRED"});
  Machine m;
  m.ready(1);
  m.ask({});
  m.written(1, 1);
  m.puback(1, 1);
  m.ack(1, word, "DOOR_OPEN");
  CHECK(m.told(1) == "ACCEPTED SENT RECEIVED " + std::string(name));
  CHECK(m.last_reason() == "DOOR_OPEN");
  CHECK(m.lifecycle->open_commands() == 0);
}

TEST_CASE("commands of a vehicle are delivered in the order of their acceptance") {
  Machine m;
  for (std::uint8_t id = 1; id <= 4; ++id) m.ask({.id = id});
  m.ready(1);
  m.ask({.id = 5});
  CHECK(m.delivered() == std::vector<std::uint8_t>{1, 2, 3, 4, 5});
}

TEST_CASE("a sent command is sent again on each new connection until the deadline") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.written(1, 1);
  m.run(cmd::Gone{kCar, {0, 1}});
  m.ready(2);
  CHECK(m.delivered() == std::vector<std::uint8_t>{1, 1});
  CHECK(m.last<cmd::Deliver>()->again);
  m.written(1, 2);
  m.run(cmd::Gone{kCar, {0, 2}});
  m.pass_ms(60'000);
  m.ready(3);
  CHECK(m.delivered().size() == 2);
}

TEST_CASE("a command of a group that is not idempotent is sent once") {
  Machine m({.region = {}, .root_key = {}, .groups = {{"unlock", false}}, .limits = {}});
  m.ready(1);
  m.ask({.group = "unlock"});

  SECTION("and not again after its bytes were written") {
    m.written(1, 1);
    m.run(cmd::Gone{kCar, {0, 1}});
    m.ready(2);
    CHECK(m.delivered().size() == 1);
  }
  SECTION("and not again when a takeover leaves open whether they were") {
    m.ready(2);
    CHECK(m.delivered().size() == 1);
  }
  SECTION("but again when nothing was written") {
    m.run(cmd::Gone{kCar, {0, 1}});
    m.ready(2);
    CHECK(m.delivered().size() == 2);
  }
}

TEST_CASE("a connection that subscribes once more gets nothing twice") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.ready(1);
  CHECK(m.delivered().size() == 1);
}

TEST_CASE("an older connection that reports late changes nothing") {
  Machine m;
  m.ready(2, 20);
  m.run(cmd::Ready{kCar, 10, {0, 1}});
  m.run(cmd::Gone{kCar, {0, 1}});
  m.ask({});
  REQUIRE(m.count<cmd::Deliver>() == 1);
  CHECK(m.last<cmd::Deliver>()->to == cmd::Connection{0, 2});
}

TEST_CASE("a vehicle that went away while SENT was being committed gets the command on its next connection") {
  Machine m;
  m.ask({});
  m.step(cmd::Ready{kCar, 1, {0, 1}});
  m.step(cmd::Gone{kCar, {0, 1}});
  m.settle();
  CHECK(m.count<cmd::Deliver>() == 0);
  m.ready(2);
  REQUIRE(m.count<cmd::Deliver>() == 1);
  CHECK_FALSE(m.last<cmd::Deliver>()->again);
}

TEST_CASE("the same request again is answered ACCEPTED and changes nothing") {
  Machine m;
  m.ask({});
  m.ask({});
  CHECK(m.count<cmd::Answer>() == 2);
  CHECK(m.last<cmd::Answer>()->repeated);
  CHECK(m.told(1) == "ACCEPTED QUEUED");

  SECTION("also after it ended") {
    m.ready(1);
    m.ack(1, State::succeeded);
    m.ask({});
    CHECK(m.refusal() == "ACCEPTED");
    CHECK(m.told(1) == "ACCEPTED QUEUED SENT SUCCEEDED");
  }
  SECTION("also after its deadline") {
    m.pass_ms(60'000);
    m.run(cmd::Requested{9, request(m.authority, {.now = {m.clock.wall().value - 60'000}})});
    CHECK(m.refusal() == "ACCEPTED");
    CHECK(m.told(1) == "ACCEPTED QUEUED EXPIRED");
  }
  SECTION("and when both are on their way at once") {
    const Bytes second = request(m.authority, {.id = 2});
    m.step(cmd::Requested{10, second});
    m.step(cmd::Requested{11, second});
    m.settle();
    CHECK(m.count<cmd::Answer>() == 4);
    CHECK(m.refusal() == "ACCEPTED");
    CHECK(m.told(2) == "ACCEPTED QUEUED");
  }
}

TEST_CASE("a command id with other bytes is ID_CONFLICT") {
  Machine m;
  m.ask({});
  m.ask({.deadline_in_ms = 50'000});
  CHECK(m.refusal() == "ID_CONFLICT");
  m.ask({.by_other = true});
  CHECK(m.refusal() == "ID_CONFLICT");
  m.ready(1);
  m.ack(1, State::succeeded);
  m.ask({.deadline_in_ms = 50'000});
  CHECK(m.refusal() == "ID_CONFLICT");
}

TEST_CASE("a newer intent supersedes what was not sent yet") {
  Machine m;
  m.ask({.id = 1, .supersede_key = "temperature", .counter = 1});
  m.ask({.id = 2, .supersede_key = "fan", .counter = 1});
  m.ask({.id = 3, .supersede_key = "temperature", .counter = 2});
  CHECK(m.told(1) == "ACCEPTED QUEUED SUPERSEDED");
  CHECK(m.told(2) == "ACCEPTED QUEUED");
  m.ready(1);
  CHECK(m.delivered() == std::vector<std::uint8_t>{2, 3});

  SECTION("but not what was sent") {
    m.ask({.id = 4, .supersede_key = "temperature", .counter = 3});
    CHECK(m.told(3) == "ACCEPTED QUEUED SENT");
    CHECK(m.delivered() == std::vector<std::uint8_t>{2, 3, 4});
  }
  SECTION("and an older one is COUNTER_LOW, also after a restart") {
    m.ask({.id = 5, .supersede_key = "temperature", .counter = 2});
    CHECK(m.refusal() == "COUNTER_LOW");
    m.restart();
    m.ask({.id = 5, .supersede_key = "temperature", .counter = 1});
    CHECK(m.refusal() == "COUNTER_LOW");
  }
  SECTION("while another issuer has counters of its own") {
    m.ask({.id = 6, .supersede_key = "temperature", .counter = 1, .by_other = true});
    CHECK(m.refusal() == "ACCEPTED");
  }
}

TEST_CASE("what is beyond a bound is TOO_MANY_COMMANDS until something ends") {
  cmd::Options options;
  SECTION("of the vehicle") { options.limits.open_per_vehicle_max = 2; }
  SECTION("of the issuer") { options.limits.open_per_issuer_max = 2; }
  SECTION("of the edge") { options.limits.open_max = 2; }
  SECTION("of bytes") { options.limits.open_bytes_max = 2 * request(Authority{}, {}).size() + 10; }
  Machine m(options);
  m.ready(1);
  // Three at once: those in flight count as well.
  for (std::uint8_t id = 1; id <= 3; ++id) m.step(cmd::Requested{id, request(m.authority, {.id = id})});
  m.settle();
  CHECK(m.told(1) == "ACCEPTED SENT");
  CHECK(m.told(2) == "ACCEPTED SENT");
  CHECK(m.told(3).empty());
  m.ask({.id = 4});
  CHECK(m.refusal() == "TOO_MANY_COMMANDS");
  m.ack(1, State::succeeded);
  m.ask({.id = 4});
  CHECK(m.refusal() == "ACCEPTED");
}

TEST_CASE("closed commands that fill the store refuse new ones until the deadline of one is past") {
  const std::uint64_t two = 2 * cmd::closed_bytes_of(request(Authority{}, {}).size());
  Machine m({}, {.closed_bytes_max = two - 1});
  m.ready(1);
  for (const std::uint8_t id : std::initializer_list<std::uint8_t>{1, 2}) {
    m.ask({.id = id, .deadline_in_ms = 60'000});
    m.ack(id, State::succeeded);
  }
  REQUIRE(m.lifecycle->closed().bytes >= two - 1);
  m.ask({.id = 3, .deadline_in_ms = 180'000});
  CHECK(m.refusal() == "TOO_MANY_COMMANDS");
  CHECK(m.lifecycle->open_commands() == 0);
  m.pass_ms(60'001);
  m.ask({.id = 3, .deadline_in_ms = 180'000});
  CHECK(m.refusal() == "ACCEPTED");
  CHECK(m.lifecycle->closed().forgotten_for_room == 2);
}

TEST_CASE("closed commands are forgotten as fast as they come to their age, in transactions of a bounded size") {
  Machine m;
  const std::size_t commands = 2'500;
  for (std::size_t i = 0; i < commands; ++i) {
    cmd::Command row;
    row.name = {"car " + std::to_string(i), id_of(1)};
    row.deadline = m.clock.wall();
    row.request = std::make_shared<const Bytes>(Bytes{1});
    row.version = 1;
    cmd::Commit accept;
    accept.vehicle = row.name.vehicle;
    accept.accept = cmd::Accept{row, {}};
    cmd::Commit close;
    close.vehicle = row.name.vehicle;
    cmd::Transition& end = close.transitions.emplace_back();
    end.status.key = {row.name, 2};
    end.status.state = State::succeeded;
    m.store.submit(0, std::move(accept));
    m.store.submit(0, std::move(close));
  }
  m.store.run();
  m.restart();
  const std::uint64_t all = commands * cmd::closed_bytes_of(1);
  REQUIRE(m.lifecycle->closed().bytes == all);
  m.clock.advance_ms(cmd::Limits{}.closed_keep_ms + cmd::Limits{}.purge_interval_ms);
  m.step(cmd::Tick{});
  m.store.run();
  m.take_completions();
  CHECK(m.lifecycle->closed().bytes < all);
  CHECK(m.lifecycle->closed().bytes >= all - 1'000 * cmd::closed_bytes_of(1));
  m.settle();
  CHECK(m.lifecycle->closed().forgotten_by_age == commands);
  CHECK(m.lifecycle->closed().bytes == 0);
}

TEST_CASE("requests are judged before anything is kept of them") {
  Machine m;
  m.ask({.group = "engine"});
  CHECK(m.refusal() == "GRANT_SCOPE");
  m.ask({.deadline_in_ms = -1});
  CHECK(m.refusal() == "DEADLINE_PASSED");
  m.ask({.deadline_in_ms = 25LL * 3600 * 1000});
  CHECK(m.refusal() == "DEADLINE_TOO_FAR");
  Bytes forged = request(m.authority, {});
  forged[50] ^= 1U;
  m.run(cmd::Requested{1, forged});
  CHECK(m.refusal() == "SIGNATURE_INVALID");
  CHECK_FALSE(m.last<cmd::Answer>()->name.has_value());
  CHECK(m.lane.empty());
}

TEST_CASE("a revoked grant cancels what was not sent and is refused") {
  Machine m;
  m.ask({.id = 1, .serial = 7});
  m.ask({.id = 2, .serial = 8});
  m.run(cmd::ListOffered{5, m.authority.revocation(1, 7)});
  CHECK(m.last<cmd::ListVerdict>()->accepted);
  CHECK(m.told(1) == "ACCEPTED QUEUED CANCELLED");
  CHECK(m.last_reason() == "GRANT_REVOKED");
  CHECK(m.told(2) == "ACCEPTED QUEUED");
  m.ask({.id = 3, .serial = 7});
  CHECK(m.refusal() == "GRANT_REVOKED");
}

TEST_CASE("a revocation cancels what is SENT while none of it was written") {
  Machine m;
  m.ready(1);
  m.ask({.id = 1, .serial = 7});
  REQUIRE(m.delivered() == std::vector<std::uint8_t>{1});
  m.run(cmd::Gone{kCar, {0, 1}});  // before its bytes went out
  m.run(cmd::ListOffered{5, m.authority.revocation(1, 7)});
  REQUIRE(m.last<cmd::ListVerdict>()->accepted);
  m.ready(2);
  CHECK(m.delivered() == std::vector<std::uint8_t>{1});
  CHECK(m.told(1) == "ACCEPTED SENT CANCELLED");
  CHECK(m.last_reason() == "GRANT_REVOKED");
}

TEST_CASE("a request that waits for its turn is refused when its grant is revoked meanwhile") {
  Machine m;
  m.ready(1);
  m.step(cmd::ListOffered{5, m.authority.revocation(1, 7)});
  m.step(cmd::Requested{201, request(m.authority, {.id = 1, .serial = 8})});
  m.step(cmd::Requested{202, request(m.authority, {.id = 2, .serial = 7})});
  m.settle();
  CHECK(m.delivered() == std::vector<std::uint8_t>{1});
  CHECK(m.refusal() == "GRANT_REVOKED");
  CHECK(m.told(2).empty());
}

TEST_CASE("a revocation list outlives a restart during which no trust list names its key") {
  Machine m;
  m.run(cmd::ListOffered{5, m.authority.revocation(1, 7)});
  REQUIRE(m.last<cmd::ListVerdict>()->accepted);
  const auto named = m.authority.grant_key.public_key();
  intent::TrustList list;
  list.root_key = m.authority.root.public_key();
  list.grant_keys = {intent::SigningKey::generate()->public_key()};
  list.number = 100;
  m.run(cmd::ListOffered{6, intent::sign_trust_list(m.authority.root, list)});
  REQUIRE(m.last<cmd::ListVerdict>()->accepted);
  m.restart();
  list.grant_keys.push_back(named);
  list.number = 101;
  m.run(cmd::ListOffered{7, intent::sign_trust_list(m.authority.root, list)});
  REQUIRE(m.last<cmd::ListVerdict>()->accepted);
  m.ask({.id = 1, .serial = 7});
  CHECK(m.refusal() == "GRANT_REVOKED");
}

TEST_CASE("acks of no open command are a few an interval, of each vehicle") {
  cmd::Options options;
  options.limits.stray_acks_max = 2;
  Machine m(options);
  m.ready(1);
  m.ask({.id = 1});
  m.ack(1, State::succeeded);
  m.ack(1, State::failed);
  CHECK(m.last<cmd::AckVerdict>()->late);
  m.ack(9, State::failed);
  CHECK(m.last<cmd::AckVerdict>()->reason == Reason::COMMAND_UNKNOWN);
  for (const std::uint8_t id : {std::uint8_t{1}, std::uint8_t{9}}) {
    m.ack(id, State::failed);
    CHECK_FALSE(m.last<cmd::AckVerdict>()->admitted);
    CHECK(m.last<cmd::AckVerdict>()->reason == Reason::BUDGET);
  }
  m.ask({.id = 2});
  m.ack(2, State::succeeded);  // an open command's are not withheld
  CHECK(m.told(2) == "ACCEPTED SENT SUCCEEDED");
  m.pass_ms(60'000);
  m.ack(1, State::failed);
  CHECK(m.last<cmd::AckVerdict>()->late);
}

TEST_CASE("a list number that is not above is refused, also after a restart") {
  Machine m;
  m.run(cmd::ListOffered{5, m.authority.revocation(3, 7)});
  REQUIRE(m.last<cmd::ListVerdict>()->accepted);
  m.run(cmd::ListOffered{6, m.authority.revocation(2, 0)});
  CHECK(m.last<cmd::ListVerdict>()->reason == Reason::LIST_NUMBER_LOW);
  m.restart();
  m.run(cmd::ListOffered{7, m.authority.revocation(3, 0)});
  REQUIRE_FALSE(m.last<cmd::ListVerdict>()->accepted);
  CHECK(m.last<cmd::ListVerdict>()->reason == Reason::LIST_NUMBER_LOW);
  m.ask({.serial = 7});
  CHECK(m.refusal() == "GRANT_REVOKED");
}

TEST_CASE("acks are judged before custody takes them") {
  Machine m;
  m.ready(1);
  m.ask({});
  SECTION("an unknown id is COMMAND_UNKNOWN") {
    m.ack(9, State::succeeded);
    CHECK_FALSE(m.last<cmd::AckVerdict>()->admitted);
    CHECK(m.last<cmd::AckVerdict>()->reason == Reason::COMMAND_UNKNOWN);
  }
  SECTION("a command that ended is late and changes nothing") {
    m.ack(1, State::succeeded);
    m.ack(1, State::failed);
    CHECK(m.last<cmd::AckVerdict>()->admitted);
    CHECK(m.last<cmd::AckVerdict>()->late);
    CHECK(m.told(1) == "ACCEPTED SENT SUCCEEDED");
  }
  SECTION("the ninth of a command is over its budget") {
    for (int i = 0; i < 8; ++i) m.ack(1, State::received);
    CHECK(m.last<cmd::AckVerdict>()->admitted);
    m.ack(1, State::received);
    CHECK_FALSE(m.last<cmd::AckVerdict>()->admitted);
    CHECK(m.told(1) == "ACCEPTED SENT RECEIVED");
  }
  SECTION("more than 4 KiB is too large") {
    m.run(cmd::AckOffered{1, {kCar, id_of(1)}, 4097});
    CHECK(m.last<cmd::AckVerdict>()->reason == Reason::PAYLOAD_TOO_LARGE);
  }
}

TEST_CASE("a resend waits for an ack that is on its way to the lane") {
  Machine m;
  m.ready(1);
  m.ask({});
  m.written(1, 1);
  m.run(cmd::AckOffered{1, {kCar, id_of(1)}, 100});
  m.ready(2);
  CHECK(m.delivered().size() == 1);
  SECTION("and is not needed when it says done") {
    m.run(m.append_ack({kCar, id_of(1)}, State::succeeded));
    CHECK(m.delivered().size() == 1);
    CHECK(m.told(1) == "ACCEPTED SENT SUCCEEDED");
  }
  SECTION("and follows when the lane refused it") {
    m.run(cmd::AckInLane{{kCar, id_of(1)}, {State::succeeded, {}}, std::nullopt});
    CHECK(m.delivered().size() == 2);
  }
}
