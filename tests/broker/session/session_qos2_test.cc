// QoS 2 of a vehicle: every transition between PUBLISH and PUBCOMP.
#include <catch2/catch_test_macros.hpp>

#include "schemas/messages.h"
#include "schemas/record.h"
#include "tests/broker/session/harness.h"

namespace wayside {
namespace {

using namespace broker::session;
using mqtt::AckKind;
using mqtt::Version;
using test::kVin;
using test::SessionHarness;
using test::vehicle_options;

const std::string kDoor = std::string("v1/") + kVin + "/event/door";
const std::string kSpeed = std::string("v1/") + kVin + "/state/Vehicle/Speed";

void pubrel(SessionHarness& harness, std::uint16_t packet_id = 5) {
  harness.feed(mqtt::Ack{AckKind::pubrel, packet_id, 0, {}});
}

// What was acknowledged, as kind and identifier; and a code that is not 0.
std::vector<std::string> acks(SessionHarness& harness) {
  std::vector<std::string> out;
  for (const mqtt::Packet& packet : harness.packets()) {
    const auto* ack = std::get_if<mqtt::Ack>(&packet);
    if (ack == nullptr) continue;
    constexpr const char* kNames[] = {"puback", "pubrec", "pubrel", "pubcomp"};
    std::string text = kNames[static_cast<std::size_t>(ack->kind) - 4] + (" " + std::to_string(ack->packet_id));
    if (ack->reason != 0) text += " refused";
    out.push_back(std::move(text));
  }
  return out;
}

// PUBLISH and its commit: PUBREC is out.
void receive(SessionHarness& harness, std::uint16_t packet_id = 5) {
  harness.publish(kDoor, 2, {}, packet_id);
  harness.commit(harness.all<OfferRecord>().back().token);
  harness.actions.clear();
}

OpenedSession opened_with(std::vector<std::uint16_t> unreleased) {
  OpenedSession opened;
  opened.present = true;
  opened.epoch = 7;
  opened.unreleased = std::move(unreleased);
  return opened;
}

TEST_CASE("QoS 2: PUBREC waits for the commit, PUBCOMP for the release, in both versions") {
  for (const Version version : {Version::v5, Version::v311}) {
    SessionHarness harness(vehicle_options(), version);
    harness.open(false, 3'600, opened_with({}));
    harness.publish(kDoor, 2);
    CHECK(acks(harness).empty());
    const auto offers = harness.all<OfferRecord>();
    REQUIRE(offers.size() == 1);
    CHECK(offers[0].receipt_id == 5);
    const auto record = schemas::decode_record(offers[0].body);
    REQUIRE(record.ok());
    CHECK(record->qos2_session == kVin);
    CHECK(record->packet_id == 5);
    CHECK(record->epoch == 7);
    harness.actions.clear();
    harness.commit(offers[0].token);
    CHECK(acks(harness) == std::vector<std::string>{"pubrec 5"});
    harness.actions.clear();
    pubrel(harness);
    CHECK(acks(harness).empty());
    const auto releases = harness.all<ReleaseId>();
    REQUIRE(releases.size() == 1);
    CHECK(releases[0].request.packet_id == 5);
    CHECK(releases[0].request.epoch == 7);
    pubrel(harness);  // again, before its answer
    CHECK(harness.all<ReleaseId>().size() == 1);
    harness.session.released(5, {}, harness.now, harness.actions);
    CHECK(acks(harness) == std::vector<std::string>{"pubcomp 5"});
    harness.actions.clear();
    harness.publish(kDoor, 2);
    CHECK(harness.all<OfferRecord>().size() == 1);  // the identifier is free: a message of its own
  }
}

TEST_CASE("QoS 2: a repeat is answered PUBREC and stored nowhere, with and without DUP") {
  SessionHarness harness(vehicle_options());
  harness.open(false, 3'600);
  receive(harness);
  for (const bool dup : {true, false}) {
    mqtt::Publish packet;
    packet.topic = kDoor;
    packet.qos = 2;
    packet.packet_id = 5;
    packet.dup = dup;
    harness.actions.clear();
    harness.feed(packet);
    CHECK(harness.all<OfferRecord>().empty());
    CHECK(acks(harness) == std::vector<std::string>{"pubrec 5"});
  }
}

TEST_CASE("QoS 2: what an earlier connection has in custody is known, whatever its topic may do today") {
  SessionHarness harness(vehicle_options());
  harness.open(false, 3'600, opened_with({5, 9}));
  harness.publish("v1/" + std::string(test::kOtherVin) + "/event/door", 2, {}, 5);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5"});
  harness.actions.clear();
  pubrel(harness, 9);
  REQUIRE(harness.all<ReleaseId>().size() == 1);
  harness.session.released(9, {}, harness.now, harness.actions);
  CHECK(acks(harness) == std::vector<std::string>{"pubcomp 9"});
  harness.actions.clear();
  pubrel(harness, 9);  // the PUBCOMP was lost
  CHECK(acks(harness) == std::vector<std::string>{"pubcomp 9 refused"});
}

TEST_CASE("QoS 2: a session that ends with its connection keeps its identifiers in memory alone") {
  SessionHarness harness(vehicle_options());
  harness.open();
  harness.publish(kDoor, 2);
  const auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 1);
  CHECK(offers[0].receipt_id == 0);
  harness.commit(offers[0].token);
  harness.publish(kDoor, 2);
  pubrel(harness);
  CHECK(harness.all<OfferRecord>().size() == 1);
  CHECK(harness.all<ReleaseId>().empty());
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5", "pubrec 5", "pubcomp 5"});
}

TEST_CASE("QoS 2: a refused publish is a PUBREC with its code, and the identifier is free again") {
  SessionHarness harness(vehicle_options());
  harness.open(false, 3'600);
  harness.publish(kDoor, 2);
  harness.refuse(harness.all<OfferRecord>().at(0).token, Reason::SPOOL_FULL, Lane::event);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5 refused"});
  harness.actions.clear();
  harness.publish(kDoor, 2);
  REQUIRE(harness.all<OfferRecord>().size() == 1);
  harness.commit(harness.all<OfferRecord>()[0].token);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5"});
  CHECK(harness.session.phase() == Phase::open);
}

TEST_CASE("QoS 2: PUBREC keeps the order of its lane and waits for no other") {
  SessionHarness harness(vehicle_options());
  harness.open(false, 3'600);
  harness.publish(kSpeed, 2, {}, 1);
  harness.publish(kSpeed, 1, {}, 2);
  harness.publish(kDoor, 2, {}, 3);
  const auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 3);
  harness.commit(offers[1].token);
  harness.commit(offers[2].token);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 3"});
  harness.commit(offers[0].token);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 3", "pubrec 1", "puback 2"});
}

TEST_CASE("QoS 2: a 3.1.1 publish without room is parked, and its receipt goes with the record when there is room") {
  SessionHarness harness(vehicle_options(), Version::v311);
  harness.open(false);
  harness.publish(kSpeed, 2, {}, 5);
  harness.publish(kSpeed, 1, {}, 6);
  const auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 2);
  harness.refuse(offers[0].token, Reason::SPOOL_FULL, Lane::state);
  harness.refuse(offers[1].token, Reason::SPOOL_FULL, Lane::state);
  harness.publish(kSpeed, 2, {}, 5);  // again: it waits already
  CHECK(harness.session.park().packets() == 2);
  CHECK(acks(harness).empty());
  harness.now.mono = harness.now.mono + 60;
  harness.actions.clear();
  harness.session.tick(harness.now, harness.actions);
  auto groups = harness.all<OfferInOrder>();
  REQUIRE(groups.size() == 1);
  REQUIRE(groups[0].records.size() == 1);
  CHECK(groups[0].records[0].receipt_id == 5);
  harness.actions.clear();
  harness.commit(groups[0].records[0].token);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5"});
  groups = harness.all<OfferInOrder>();
  REQUIRE(groups.size() == 1);
  CHECK(groups[0].records[0].receipt_id == 0);
}

TEST_CASE("QoS 2: Receive Maximum counts to PUBCOMP, and a new connection has a new window") {
  SessionOptions options = vehicle_options();
  options.limits.receive_maximum = 2;
  SessionHarness harness(options);
  harness.open(false, 3'600, opened_with({100, 101, 102}));
  receive(harness, 1);
  harness.publish(kDoor, 2, {}, 100);  // a repeat takes a place too
  pubrel(harness, 100);
  harness.session.released(100, {}, harness.now, harness.actions);
  receive(harness, 2);
  CHECK(harness.session.phase() == Phase::open);
  harness.publish(kDoor, 1, {}, 3);
  REQUIRE(harness.session.phase() == Phase::closed);
  CHECK(harness.all<Close>().at(0).reason == Reason::RECEIVE_MAXIMUM_EXCEEDED);
}

TEST_CASE("QoS 2: a command ack goes to custody once as well") {
  SessionHarness harness(vehicle_options());
  harness.open(false, 3'600);
  const std::string topic = std::string("v1/") + kVin + "/cmd/" + std::string(26, 'a') + "/ack";
  const Bytes payload = schemas::build_command_ack({{}, schemas::CommandState{4}, "", {1'700'000'000'000}});
  harness.publish(topic, 2, payload);
  const auto posts = harness.all<PostCommand>();
  REQUIRE(!posts.empty());
  CHECK(posts.back().receipt_id == 5);
  harness.commit(posts.back().token);
  harness.publish(topic, 2, payload);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5", "pubrec 5"});
  CHECK(harness.posted<broker::AckOffered>().size() == 1);
}

TEST_CASE("QoS 2: a drain waits for the PUBREC and the PUBCOMP that are due") {
  SessionHarness harness(vehicle_options());
  harness.open(false, 3'600);
  receive(harness, 4);
  harness.publish(kDoor, 2);
  const std::uint64_t token = harness.all<OfferRecord>().at(0).token;
  pubrel(harness, 4);
  harness.session.drain(harness.now, harness.actions);
  harness.commit(token);
  CHECK(harness.session.phase() == Phase::open);
  harness.session.released(4, {}, harness.now, harness.actions);
  CHECK(harness.session.phase() == Phase::closed);
  CHECK(acks(harness) == std::vector<std::string>{"pubrec 5", "pubcomp 4"});
}

TEST_CASE("QoS 2: vehicles are offered it, services are told Maximum QoS 1") {
  SessionHarness vehicle(vehicle_options());
  vehicle.connect();
  vehicle.session.step(Outcome<OpenedSession>(OpenedSession{}), vehicle.now, vehicle.actions);
  CHECK_FALSE(std::get<mqtt::Connack>(vehicle.packets().at(0)).properties.maximum_qos);
  SessionHarness service(test::service_options());
  service.connect();
  service.session.step(Outcome<OpenedSession>(OpenedSession{}), service.now, service.actions);
  CHECK(std::get<mqtt::Connack>(service.packets().at(0)).properties.maximum_qos == 1);
}

}  // namespace
}  // namespace wayside
