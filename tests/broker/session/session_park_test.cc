// Publishes of a 3.1.1 peer that custody has no room for: parked, offered again in order, acknowledged later.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "tests/broker/session/harness.h"

namespace wayside {
namespace {

using broker::session::Close;
using broker::session::Count;
using broker::session::OfferInOrder;
using broker::session::OfferRecord;
using broker::session::Phase;
using broker::session::SessionOptions;
using broker::session::ShedRecord;
using mqtt::Version;
using test::SessionHarness;

std::string own(const std::string& rest) { return std::string("v1/") + test::kVin + "/" + rest; }
const std::string kSpeed = own("state/Vehicle/Speed");
const std::string kDoor = own("event/door");

SessionOptions with_park(std::uint32_t packets_max, std::uint32_t bytes_max = 512U << 10U) {
  SessionOptions options = test::vehicle_options();
  options.limits.park_packets_max = packets_max;
  options.limits.park_bytes_max = bytes_max;
  return options;
}

// What was offered since the last clear(), one by one or in a group, in order.
std::vector<OfferRecord> offers(const SessionHarness& harness) {
  std::vector<OfferRecord> out;
  for (const auto& action : harness.actions) {
    if (const auto* one = std::get_if<OfferRecord>(&action)) out.push_back(*one);
    const auto* group = std::get_if<OfferInOrder>(&action);
    if (group != nullptr) out.insert(out.end(), group->records.begin(), group->records.end());
  }
  return out;
}

std::vector<std::uint16_t> acknowledged(SessionHarness& harness) {
  std::vector<std::uint16_t> ids;
  for (const mqtt::Packet& packet : harness.packets()) {
    const auto* ack = std::get_if<mqtt::Ack>(&packet);
    if (ack != nullptr && ack->kind == mqtt::AckKind::puback) ids.push_back(ack->packet_id);
  }
  return ids;
}

using Ids = std::vector<std::uint16_t>;

// Publishes `ids` to the state lane; the lane takes none of what it is offered.
void park(SessionHarness& harness, const Ids& ids, Reason reason = Reason::SPOOL_FULL) {
  for (const std::uint16_t id : ids) {
    harness.actions.clear();
    harness.publish(kSpeed, 1, as_bytes(std::to_string(id)), id);
    for (const OfferRecord& offer : offers(harness)) harness.refuse(offer.token, reason, Lane::state);
  }
  harness.actions.clear();
}

void tick_when_due(SessionHarness& harness) {
  harness.now.mono = harness.session.next_tick(harness.now);
  harness.session.tick(harness.now, harness.actions);
}

TEST_CASE("a 3.1.1 publish behind one in flight names it, so that custody refuses both or none") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  harness.actions.clear();
  for (const std::uint16_t id : Ids{1, 2}) harness.publish(kSpeed, 1, as_bytes("x"), id);
  harness.publish(kDoor, 1, as_bytes("open"), 3);  // another lane
  std::vector<OfferRecord> made = offers(harness);
  REQUIRE(made.size() == 3);
  CHECK(made[0].first);
  CHECK_FALSE(made[1].first);
  CHECK(made[2].first);
  for (std::size_t i = 0; i < 2; ++i) harness.refuse(made[i].token, Reason::SPOOL_FULL, Lane::state);
  harness.actions.clear();
  harness.publish(kSpeed, 1, as_bytes("x"), 4);  // behind those that wait
  tick_when_due(harness);
  made = offers(harness);
  REQUIRE(made.size() == 1);  // the probe
  CHECK(made[0].first);
  harness.actions.clear();
  harness.commit(made[0].token);
  made = offers(harness);
  REQUIRE(made.size() == 2);
  CHECK(made[0].first);
  CHECK_FALSE(made[1].first);
}

TEST_CASE("what a full lane refuses waits, keeps its order behind it, and is acknowledged once there is room") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  Ids ids;
  for (std::uint16_t id = 1; id <= 40; ++id) ids.push_back(id);
  park(harness, ids);
  CHECK(harness.session.park().packets() == 40);
  CHECK_FALSE(harness.session.wants_pause());

  tick_when_due(harness);  // still full: one probe, no more
  REQUIRE(offers(harness).size() == 1);
  harness.refuse(offers(harness)[0].token, Reason::SPOOL_FULL, Lane::state);
  CHECK(offers(harness).size() == 1);
  CHECK(acknowledged(harness).empty());
  harness.actions.clear();

  tick_when_due(harness);  // room: the probe goes through and groups follow, each after the one before it
  std::vector<std::string> bodies;
  Ids acked;
  std::vector<std::size_t> groups;
  while (!offers(harness).empty()) {
    const std::vector<OfferRecord> group = offers(harness);
    groups.push_back(group.size());
    harness.actions.clear();
    for (const OfferRecord& offer : group) harness.commit(offer.token);
    for (const std::uint16_t id : acknowledged(harness)) acked.push_back(id);
  }
  CHECK(groups == std::vector<std::size_t>{1, 16, 16, 7});
  CHECK(acked == ids);
  CHECK(harness.session.park().packets() == 0);
  CHECK(harness.session.park().bytes() == 0);
}

TEST_CASE("a lane without room is probed after pauses that double to a second, and never in between") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  park(harness, {1, 2});
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 7; ++i) {
    const std::int64_t before = harness.now.mono.value;
    harness.actions.clear();
    harness.now.mono = MonoMs{harness.session.next_tick(harness.now).value - 1};
    harness.session.tick(harness.now, harness.actions);
    CHECK(harness.actions.empty());
    tick_when_due(harness);
    pauses.push_back(harness.now.mono.value - before);
    REQUIRE(offers(harness).size() == 1);
    // While the probe is under way nothing is due for the park: the keep alive is what comes next.
    CHECK(harness.session.next_tick(harness.now) - harness.now.mono > 10'000);
    harness.refuse(offers(harness)[0].token, Reason::SPOOL_FAULT, Lane::state);
  }
  CHECK(pauses == std::vector<std::int64_t>{50, 100, 200, 400, 800, 1'000, 1'000});
}

TEST_CASE("publishes in flight that come back without room keep their places before what came later") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  for (std::uint16_t id = 1; id <= 3; ++id) harness.publish(kSpeed, 1, as_bytes("x"), id);
  const auto in_flight = offers(harness);
  harness.refuse(in_flight[0].token, Reason::SPOOL_FULL, Lane::state);
  harness.publish(kSpeed, 1, as_bytes("x"), 4);
  CHECK(offers(harness).size() == 3);  // the fourth waits
  harness.now.mono = harness.now.mono + 2'000;
  harness.session.tick(harness.now, harness.actions);
  CHECK(offers(harness).size() == 3);  // the others are not back: no probe overtakes them
  harness.refuse(in_flight[1].token, Reason::SPOOL_FULL, Lane::state);
  harness.refuse(in_flight[2].token, Reason::SPOOL_FULL, Lane::state);
  Ids acked;
  harness.actions.clear();
  tick_when_due(harness);
  while (!offers(harness).empty()) {
    const auto group = offers(harness);
    harness.actions.clear();
    for (const OfferRecord& offer : group) harness.commit(offer.token);
    for (const std::uint16_t id : acknowledged(harness)) acked.push_back(id);
  }
  CHECK(acked == Ids{1, 2, 3, 4});
}

TEST_CASE("a group that meets a full lane half way goes on with the first that was refused") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  park(harness, {1, 2, 3, 4});
  tick_when_due(harness);
  const std::uint64_t probe = offers(harness).at(0).token;
  harness.actions.clear();
  harness.commit(probe);
  const auto group = offers(harness);
  REQUIRE(group.size() == 3);
  harness.actions.clear();
  harness.refuse(group[1].token, Reason::QUEUE_FULL, Lane::state);
  harness.refuse(group[2].token, Reason::QUEUE_FULL, Lane::state);
  harness.commit(group[0].token);
  CHECK(acknowledged(harness) == Ids{2});
  CHECK(offers(harness).empty());  // not before the pause
  harness.actions.clear();
  tick_when_due(harness);
  REQUIRE(offers(harness).size() == 1);
  CHECK(offers(harness)[0].token == group[1].token);
  CHECK(offers(harness)[0].body == group[1].body);
}

TEST_CASE("a connection with a park answers PINGREQ and serves its other lanes") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  park(harness, {1, 2});
  harness.feed(mqtt::Pingreq{});
  CHECK(harness.written() == Bytes{0xD0, 0x00});
  harness.actions.clear();
  harness.publish(kDoor, 1, as_bytes("open"), 3);
  REQUIRE(offers(harness).size() == 1);
  CHECK(offers(harness)[0].lane == Lane::event);
  harness.commit(offers(harness)[0].token);
  CHECK(acknowledged(harness) == Ids{3});
  CHECK(harness.session.park().waiting() == 2);
}

TEST_CASE("a park that is full of packets or of bytes ends the connection with PARK_FULL and no penalty") {
  const bool by_bytes = GENERATE(false, true);
  CAPTURE(by_bytes);
  SessionHarness harness(by_bytes ? with_park(128, 3'000) : with_park(3), Version::v311);
  harness.open();
  const std::string payload(by_bytes ? 1'000 : 1, 'x');
  std::uint16_t id = 1;
  harness.publish(kSpeed, 1, as_bytes(payload), id);
  harness.refuse(offers(harness)[0].token, Reason::SPOOL_FULL, Lane::state);
  while (harness.session.phase() == Phase::open && id < 50) harness.publish(kSpeed, 1, as_bytes(payload), ++id);
  CHECK(id == (by_bytes ? 3 : 4));
  const auto closes = harness.all<Close>();
  REQUIRE(closes.size() == 1);
  CHECK(closes[0].reason == Reason::PARK_FULL);
  CHECK_FALSE(closes[0].penalty);
  CHECK(harness.written().empty());
  CHECK(harness.session.park().packets() == 0);
  CHECK(harness.session.park().bytes() == 0);
}

TEST_CASE(
    "one record has a place to wait whatever its size, and its connection reads no more in flight than the park") {
  SessionHarness harness(with_park(128, 3'000), Version::v311);
  harness.open();
  harness.publish(kSpeed, 1, as_bytes(std::string(5'000, 'x')), 1);
  CHECK(harness.session.wants_pause());
  harness.refuse(offers(harness)[0].token, Reason::SPOOL_FULL, Lane::state);
  CHECK(harness.session.phase() == Phase::open);
  CHECK(harness.session.park().packets() == 1);
  CHECK_FALSE(harness.session.wants_pause());
}

TEST_CASE("a park dies with its connection, whoever ends it, and nothing of it was acknowledged") {
  const int how = GENERATE(0, 1, 2, 3);
  CAPTURE(how);
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  park(harness, {1, 2, 3});
  const auto before = harness.now;
  if (how == 0) harness.session.end(Reason::SESSION_TAKEN_OVER, harness.now, harness.actions);
  if (how == 1) harness.feed(mqtt::Disconnect{});
  if (how == 2) harness.session.lost(harness.now, harness.actions);
  if (how == 3) harness.session.drain(harness.now, harness.actions);
  CHECK(harness.session.phase() == Phase::closed);
  CHECK(harness.written().empty());
  for (const OfferRecord& offer : offers(harness))
    CHECK((offer.token == broker::session::kOnlineToken || offer.offline));  // presence alone
  CHECK(harness.session.park().packets() == 0);
  harness.actions.clear();
  harness.now.mono = before.mono + 5'000;
  harness.session.tick(harness.now, harness.actions);
  CHECK(harness.actions.empty());
  CHECK(harness.session.next_tick(harness.now).value == INT64_MAX);
}

TEST_CASE("a draining session waits for what is in flight and not for what is parked") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  park(harness, {1});
  harness.publish(kDoor, 1, as_bytes("open"), 2);
  const auto in_flight = offers(harness);
  harness.session.drain(harness.now, harness.actions);
  CHECK(harness.session.phase() == Phase::open);
  harness.actions.clear();
  harness.commit(in_flight.at(0).token);
  CHECK(acknowledged(harness) == Ids{2});
  CHECK(harness.session.phase() == Phase::closed);
}

TEST_CASE("QoS 0 to a lane without room is shed before it is offered, in both versions, until there is room") {
  const Version version = GENERATE(Version::v5, Version::v311);
  SessionHarness harness(test::vehicle_options(), version);
  harness.open();
  harness.publish(kSpeed, 0, as_bytes("1"));
  harness.refuse(offers(harness).at(0).token, Reason::SPOOL_FULL, Lane::state);
  CHECK(harness.all<ShedRecord>().empty());  // the door has counted that one
  harness.actions.clear();
  harness.publish(kSpeed, 0, as_bytes("2"));
  CHECK(offers(harness).empty());
  REQUIRE(harness.all<ShedRecord>().size() == 1);
  CHECK(harness.all<ShedRecord>()[0].lane == Lane::state);
  CHECK(harness.all<ShedRecord>()[0].reason == Reason::SPOOL_FULL);
  REQUIRE(harness.all<Count>().size() == 1);
  CHECK(std::string(harness.all<Count>()[0].stage) == "shed");
  harness.actions.clear();
  harness.publish(kDoor, 0, as_bytes("open"));
  CHECK(offers(harness).size() == 1);  // another lane is not concerned
  harness.actions.clear();
  harness.now.mono = harness.now.mono + 100;
  harness.publish(kSpeed, 0, as_bytes("3"));
  CHECK(offers(harness).size() == 1);
}

TEST_CASE("MQTT 5 is told that there is no room and nothing is parked") {
  SessionHarness harness(test::vehicle_options(), Version::v5);
  harness.open();
  harness.publish(kSpeed, 1, as_bytes("1"), 5);
  harness.refuse(offers(harness)[0].token, Reason::SPOOL_FULL, Lane::state);
  const auto packets = harness.packets();
  REQUIRE(packets.size() == 1);
  CHECK(std::get<mqtt::Ack>(packets[0]).reason == 0x97);
  CHECK(harness.session.park().packets() == 0);
  CHECK(harness.session.phase() == Phase::open);
}

}  // namespace
}  // namespace wayside
