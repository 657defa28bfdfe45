// What a session does with what it takes: order, durability, commands and the local broker.
#include <catch2/catch_test_macros.hpp>

#include "schemas/messages.h"
#include "schemas/record.h"
#include "schemas/signal_batch.h"
#include "tests/broker/session/harness.h"

namespace wayside {
namespace {

using namespace broker::session;
using mqtt::Version;
using test::kOtherVin;
using test::kVin;
using test::SessionHarness;

void advance(SessionHarness& harness, std::int64_t ms) {
  harness.now.mono = harness.now.mono + ms;
  harness.now.wall = {harness.now.wall.value + ms};
}

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }
std::string ordinary(const std::string& rest) { return std::string("x/") + kVin + "/" + rest; }

std::vector<std::uint16_t> acknowledged(SessionHarness& harness) {
  std::vector<std::uint16_t> ids;
  for (const mqtt::Packet& packet : harness.packets()) {
    if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) ids.push_back(ack->packet_id);
  }
  harness.actions.clear();
  return ids;
}

broker::Deliver command(SessionHarness& harness, std::uint8_t number, std::int64_t left_ms) {
  broker::Deliver deliver;
  deliver.to = {1, 42};
  deliver.vehicle = kVin;
  deliver.id[0] = number;
  deliver.request = {1, 2, 3};
  deliver.deadline = {harness.now.wall.value + left_ms};
  return deliver;
}

// Opens a durable session with its commands subscribed and saved.
void open_ready(SessionHarness& harness) {
  harness.open(false, 3'600);
  harness.subscribe({own("cmd/#")});
  const auto saves = harness.all<SaveSession>();
  REQUIRE(saves.size() == 1);
  harness.session.saved(saves[0].token, {}, harness.now, harness.actions);
  harness.actions.clear();
}

TEST_CASE("acknowledgements keep their order within a lane and do not wait for another lane") {
  SessionHarness harness(test::vehicle_options());
  harness.open();
  harness.publish(own("bulk/log"), 1, {}, 1);
  harness.publish(own("event/door"), 1, {}, 2);
  harness.publish(own("bulk/log"), 1, {}, 3);
  harness.publish(own("event/door"), 1, {}, 4);
  const auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 4);
  harness.actions.clear();
  harness.commit(offers[3].token);  // 4 may not overtake 2
  CHECK(acknowledged(harness).empty());
  harness.commit(offers[1].token);
  CHECK(acknowledged(harness) == std::vector<std::uint16_t>{2, 4});
  harness.refuse(offers[2].token, Reason::SPOOL_FULL);
  CHECK(acknowledged(harness).empty());
  harness.commit(offers[0].token);
  CHECK(acknowledged(harness) == std::vector<std::uint16_t>{1, 3});
}

TEST_CASE("a record holds what was published and who published it") {
  SessionHarness harness(test::vehicle_options());
  harness.open(true, 0, {false, 77, {}});
  const std::vector<schemas::SignalValue> values = {{"Vehicle.Speed", {1'700'000'000'000}, 12.5}};
  const Bytes batch = schemas::build_signal_batch(9, "vss-6.0", values);
  mqtt::Publish packet;
  const std::string topic = own("state");
  packet.topic = topic;
  packet.payload = batch;
  packet.qos = 1;
  packet.packet_id = 1;
  packet.properties.user.emplace_back("mid", "m-1");
  harness.feed(packet);
  const auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 1);
  CHECK(offers[0].lane == Lane::state);
  const auto record = schemas::decode_record(offers[0].body);
  REQUIRE(record.ok());
  CHECK(record->vehicle == kVin);
  CHECK(record->topic == topic);
  CHECK(record->cohort == "2024-compact");
  CHECK(record->mid == "m-1");
  CHECK(record->sequence == 9);
  CHECK(record->signal_batch);
  CHECK(record->epoch == 77);
  CHECK(Bytes(record->payload.begin(), record->payload.end()) == batch);
}

TEST_CASE("a topic alias stands for its topic until the connection ends and not on the next") {
  const auto aliased = [](SessionHarness& harness, std::string_view topic) {
    mqtt::Publish packet;
    packet.topic = topic;
    packet.properties.topic_alias = std::uint16_t{3};
    harness.feed(packet);
  };
  SessionHarness first(test::vehicle_options());
  first.open(false, 3'600);
  aliased(first, own("event/door"));
  aliased(first, "");
  CHECK(first.all<OfferRecord>().size() == 2);
  SessionHarness next(test::vehicle_options());
  next.open(false, 3'600, {true, 2, {}});
  aliased(next, "");
  CHECK(next.all<OfferRecord>().size() == 1);  // OFFLINE alone: the alias is unknown, the connection is over
  REQUIRE(next.all<Close>().size() == 1);
  CHECK(next.all<Close>()[0].reason == Reason::TOPIC_ALIAS_INVALID);
}

TEST_CASE("SUBACK waits until the subscription is durable and codes keep the order of the filters") {
  SessionHarness harness(test::vehicle_options());
  harness.open(false, 3'600);
  harness.subscribe({own("cmd/#"), std::string("v1/") + kOtherVin + "/cmd/#", own("control/#")});
  CHECK(harness.written().empty());
  const auto saves = harness.all<SaveSession>();
  REQUIRE(saves.size() == 1);
  REQUIRE(saves[0].request.subscriptions.size() == 2);
  CHECK(saves[0].request.subscriptions[0].filter == own("cmd/#"));
  CHECK(harness.posted<broker::VehicleReady>().empty());
  harness.actions.clear();
  harness.session.saved(saves[0].token, {}, harness.now, harness.actions);
  const auto packets = harness.packets();
  REQUIRE(packets.size() == 1);
  CHECK(std::get<mqtt::Suback>(packets[0]).reasons == std::vector<std::uint8_t>{1, 0x87, 1});
  CHECK(harness.posted<broker::VehicleReady>().size() == 1);
}

TEST_CASE("a SUBSCRIBE with one malformed filter subscribes nothing") {
  SessionHarness harness(test::vehicle_options());
  harness.open(false, 3'600);
  Bytes bytes = {0x82, 0, 0, 7, 0};
  const std::string filter = own("cmd/#");
  bytes.push_back(0);
  bytes.push_back(static_cast<std::uint8_t>(filter.size()));
  bytes.insert(bytes.end(), filter.begin(), filter.end());
  bytes.push_back(1);
  bytes.insert(bytes.end(), {0, 2, 0xC0, 0x80, 1});  // ill-formed UTF-8
  bytes[1] = static_cast<std::uint8_t>(bytes.size() - 2);
  harness.feed_raw(bytes);
  CHECK(harness.all<SaveSession>().empty());
  CHECK(harness.posted<broker::VehicleReady>().empty());
  REQUIRE(harness.all<Close>().size() == 1);
  CHECK(harness.all<Close>()[0].reason == Reason::MALFORMED_PACKET);
}

TEST_CASE("a resumed session is ready for commands without a new SUBSCRIBE") {
  SessionHarness harness(test::vehicle_options());
  harness.connect(false, 3'600);
  OpenedSession opened{true, 5, {{own("cmd/#"), 1, false, false}}};
  harness.session.step(Outcome<OpenedSession>(opened), harness.now, harness.actions);
  CHECK(std::get<mqtt::Connack>(harness.packets().at(0)).session_present);
  const auto ready = harness.posted<broker::VehicleReady>();
  REQUIRE(ready.size() == 1);
  CHECK(ready[0].epoch == 5);
}

TEST_CASE("Session Present is 0 for a session that ends with its connection") {
  SessionHarness harness(test::vehicle_options());
  harness.connect(false, 0);
  harness.session.step(Outcome<OpenedSession>(OpenedSession{true, 5, {}}), harness.now, harness.actions);
  CHECK_FALSE(std::get<mqtt::Connack>(harness.packets().at(0)).session_present);
}

TEST_CASE("presence is recorded and announced when a vehicle comes and when it goes") {
  SessionHarness harness(test::vehicle_options());
  harness.connect();
  harness.session.step(Outcome<OpenedSession>(OpenedSession{false, 9, {}}), harness.now, harness.actions);
  auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 1);
  CHECK(offers[0].lane == Lane::event);
  const auto announced = harness.all<Announce>();
  REQUIRE(announced.size() == 1);
  auto presence = schemas::parse_presence(*announced[0].event.payload);
  REQUIRE(presence.ok());
  CHECK(presence->online);
  CHECK(presence->epoch == 9);
  harness.actions.clear();
  harness.session.lost(harness.now, harness.actions);
  REQUIRE(harness.all<Announce>().size() == 1);
  presence = schemas::parse_presence(*harness.all<Announce>()[0].event.payload);
  REQUIRE(presence.ok());
  CHECK_FALSE(presence->online);
  CHECK(presence->reason == "CONNECTION_LOST");
  CHECK(harness.all<EndSession>().size() == 1);
}

TEST_CASE(
    "an ONLINE that custody had no room for is said again until it is taken, ever more seldom, and announced once") {
  SessionHarness harness(test::vehicle_options());
  harness.connect();
  const WallMs came = harness.now.wall;
  harness.session.step(Outcome<OpenedSession>(OpenedSession{false, 1'009, {}}), harness.now, harness.actions);
  REQUIRE(harness.all<OfferRecord>().at(0).token == kOnlineToken);
  std::vector<std::int64_t> pauses;
  for (int refusal = 0; refusal < 6; ++refusal) {
    harness.actions.clear();
    harness.refuse(kOnlineToken, Reason::SPOOL_FULL, Lane::event);
    REQUIRE(harness.all<Count>().size() == 1);
    const MonoMs due = harness.session.next_tick(harness.now);
    pauses.push_back(due - harness.now.mono);
    advance(harness, pauses.back() - 1);
    harness.feed(mqtt::Pingreq{});
    harness.session.tick(harness.now, harness.actions);
    REQUIRE(harness.all<OfferRecord>().empty());
    advance(harness, 1);
    harness.session.tick(harness.now, harness.actions);
    REQUIRE(harness.all<OfferRecord>().size() == 1);
    harness.session.tick(harness.now, harness.actions);
    REQUIRE(harness.all<OfferRecord>().size() == 1);  // one is on its way
  }
  CHECK(pauses == std::vector<std::int64_t>{6'009, 11'009, 21'009, 41'009, 41'009, 41'009});
  CHECK(harness.all<Announce>().empty());
  const OfferRecord last = harness.all<OfferRecord>().front();
  CHECK(last.token == kOnlineToken);
  const auto record = schemas::decode_record(last.body);
  REQUIRE(record.ok());
  const auto presence = schemas::parse_presence(record->payload);
  REQUIRE(presence.ok());
  CHECK(presence->online);
  CHECK(presence->epoch == 1'009);
  CHECK(presence->at == came);
  harness.actions.clear();
  harness.commit(kOnlineToken);
  advance(harness, 60'000);
  harness.feed(mqtt::Pingreq{});
  harness.session.tick(harness.now, harness.actions);
  CHECK(harness.all<OfferRecord>().empty());
}

TEST_CASE("a command goes down with an identifier of the gate and its PUBACK reaches the command store") {
  SessionHarness harness(test::vehicle_options());
  open_ready(harness);
  harness.session.step(command(harness, 7, 5'000), harness.now, harness.actions);
  const auto sent = harness.all<SendCommand>();
  REQUIRE(sent.size() == 1);
  const auto publish = std::get<mqtt::Publish>(harness.packets().at(0));
  CHECK(publish.topic == own("cmd/" + intent::to_base32(sent[0].id)));
  CHECK(publish.qos == 1);
  CHECK(publish.packet_id == sent[0].packet_id);
  CHECK(publish.properties.message_expiry_s == 5U);
  harness.actions.clear();
  harness.session.command_entered(sent[0], true, harness.now, harness.actions);
  REQUIRE(harness.posted<broker::CommandWritten>().size() == 1);
  CHECK(harness.posted<broker::CommandWritten>()[0].written);
  harness.feed(mqtt::Ack{mqtt::AckKind::puback, sent[0].packet_id, 0, {}});
  CHECK(harness.posted<broker::CommandPuback>().size() == 1);
  harness.now.wall.value += 10'000;
  harness.session.tick(harness.now, harness.actions);
  CHECK(harness.all<Close>().empty());
}

TEST_CASE("a written command that is not acknowledged at its deadline resets the connection") {
  SessionHarness harness(test::vehicle_options());
  open_ready(harness);
  harness.session.step(command(harness, 7, 400), harness.now, harness.actions);
  const auto sent = harness.all<SendCommand>();
  REQUIRE(sent.size() == 1);
  harness.session.command_entered(sent[0], true, harness.now, harness.actions);
  CHECK(harness.session.next_tick(harness.now) == harness.now.mono + 400);
  harness.now.wall.value += 399;
  harness.session.tick(harness.now, harness.actions);
  CHECK(harness.all<Close>().empty());
  harness.now.wall.value += 1;
  harness.session.tick(harness.now, harness.actions);
  REQUIRE(harness.all<Close>().size() == 1);
  CHECK(harness.all<Close>()[0].reset);
  CHECK(harness.all<Close>()[0].reason == Reason::DEADLINE_PASSED);
}

TEST_CASE("a command whose deadline has passed is never written") {
  SessionHarness harness(test::vehicle_options());
  open_ready(harness);
  harness.session.step(command(harness, 7, 0), harness.now, harness.actions);
  CHECK(harness.all<SendCommand>().empty());
  REQUIRE(harness.posted<broker::CommandWritten>().size() == 1);
  CHECK_FALSE(harness.posted<broker::CommandWritten>()[0].written);
}

TEST_CASE("commands wait for the vehicle's Receive Maximum in their order") {
  SessionHarness harness(test::vehicle_options());
  mqtt::Connect connect;
  connect.client_id = kVin;
  connect.properties.receive_maximum = std::uint16_t{1};
  harness.feed(connect);
  harness.session.step(Outcome<OpenedSession>(OpenedSession{}), harness.now, harness.actions);
  harness.subscribe({own("cmd/#")});
  harness.actions.clear();
  for (std::uint8_t number = 1; number <= 3; ++number) {
    harness.session.step(command(harness, number, 5'000), harness.now, harness.actions);
  }
  for (std::uint8_t number = 1; number <= 3; ++number) {
    const auto sent = harness.all<SendCommand>();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].id[0] == number);
    harness.actions.clear();
    harness.session.command_entered(sent[0], true, harness.now, harness.actions);
    harness.feed(mqtt::Ack{mqtt::AckKind::puback, sent[0].packet_id, 0, {}});
  }
}

// Its Receive Maximum is 1 and one command is on its way: what comes now waits.
void open_with_full_window(SessionHarness& harness) {
  mqtt::Connect connect;
  connect.client_id = kVin;
  connect.properties.receive_maximum = std::uint16_t{1};
  harness.feed(connect);
  harness.session.step(Outcome<OpenedSession>(OpenedSession{}), harness.now, harness.actions);
  harness.subscribe({own("cmd/#")});
  harness.session.step(command(harness, 1, 5'000), harness.now, harness.actions);
  REQUIRE(harness.all<SendCommand>().size() == 1);
  harness.session.command_entered(harness.all<SendCommand>()[0], true, harness.now, harness.actions);
  harness.actions.clear();
}

TEST_CASE("a command that finds no room to wait is reported as not written") {
  auto options = test::vehicle_options();
  options.limits.waiting_max = 1;
  SessionHarness harness(options);
  open_with_full_window(harness);
  harness.session.step(command(harness, 2, 5'000), harness.now, harness.actions);
  CHECK(harness.posted<broker::CommandWritten>().empty());
  harness.session.step(command(harness, 3, 5'000), harness.now, harness.actions);
  const auto told = harness.posted<broker::CommandWritten>();
  REQUIRE(told.size() == 1);
  CHECK(told[0].id[0] == 3);
  CHECK_FALSE(told[0].written);
}

TEST_CASE("a command that waits is dropped with the subscription and not sent by the next one") {
  SessionHarness harness(test::vehicle_options());
  open_with_full_window(harness);
  harness.session.step(command(harness, 2, 5'000), harness.now, harness.actions);
  mqtt::Unsubscribe gone;
  gone.packet_id = 8;
  const std::string filter = own("cmd/#");
  gone.filters.emplace_back(filter);
  harness.feed(gone);
  REQUIRE(harness.posted<broker::CommandWritten>().size() == 1);
  CHECK_FALSE(harness.posted<broker::CommandWritten>()[0].written);
  CHECK(harness.posted<broker::VehicleGone>().size() == 1);
  harness.subscribe({filter});
  harness.actions.clear();
  harness.feed(mqtt::Ack{mqtt::AckKind::puback, 1, 0, {}});
  CHECK(harness.all<SendCommand>().empty());
}

TEST_CASE("a message of the local broker that finds no room to wait is acknowledged to it") {
  auto options = test::vehicle_options();
  options.limits.waiting_max = 0;
  SessionHarness harness(options);
  open_with_full_window(harness);
  ProxyReceived received;
  received.token = 9;
  received.message.topic = "b/news";
  received.message.qos = 1;
  harness.session.step(ProxyEvent(received), harness.now, harness.actions);
  REQUIRE(harness.all<ProxyAck>().size() == 1);
  CHECK(harness.all<ProxyAck>()[0].token == 9);
}

TEST_CASE("the acknowledgement of a command goes to the command store with its record") {
  SessionHarness harness(test::vehicle_options());
  harness.open();
  intent::CommandId id{};
  id[0] = 3;
  const Bytes payload = schemas::build_command_ack({id, schemas::CommandState{4}, "", harness.now.wall});
  harness.publish(own("cmd/" + intent::to_base32(id) + "/ack"), 1, payload, 11);
  const auto offered = harness.posted<broker::AckOffered>();
  REQUIRE(offered.size() == 1);
  CHECK(offered[0].id == id);
  CHECK(offered[0].payload == payload);
  CHECK(schemas::decode_record(offered[0].body).ok());
  harness.actions.clear();
  harness.commit(offered[0].token);
  CHECK(acknowledged(harness) == std::vector<std::uint16_t>{11});
}

TEST_CASE("a request is acknowledged with what the command store says") {
  SessionHarness harness(test::service_options());
  harness.open();
  harness.publish(own("request"), 1, as_bytes("signed"), 3);
  const auto asked = harness.posted<broker::CommandRequested>();
  REQUIRE(asked.size() == 1);
  harness.actions.clear();
  harness.session.step(broker::CommandAnswer{{1, 42}, asked[0].token, true, {}}, harness.now, harness.actions);
  const auto packets = harness.packets();
  REQUIRE(packets.size() == 1);
  CHECK(std::get<mqtt::Ack>(packets[0]).reason == 0);
}

TEST_CASE("a service receives status of the vehicles in its scope and of no other") {
  SessionHarness harness(test::service_options());
  harness.open();
  harness.subscribe({"v1/+/status/+"});
  harness.actions.clear();
  const auto payload = std::make_shared<const Bytes>(Bytes{1});
  harness.session.step(broker::ServiceEvent{kVin, own("status/abc"), payload}, harness.now, harness.actions);
  harness.session.step(broker::ServiceEvent{kOtherVin, std::string("v1/") + kOtherVin + "/status/abc", payload},
                       harness.now, harness.actions);
  harness.session.step(broker::ServiceEvent{kVin, own("presence"), payload}, harness.now, harness.actions);
  const auto packets = harness.packets();
  REQUIRE(packets.size() == 1);
  CHECK(std::get<mqtt::Publish>(packets[0]).topic == own("status/abc"));
}

TEST_CASE("a dead local broker costs ordinary messages and nothing of v1") {
  SessionHarness harness(test::vehicle_options());
  harness.open();
  harness.subscribe({"b/all/#", own("cmd/#")});
  REQUIRE(harness.all<ProxySubscribe>().size() == 1);
  harness.publish(ordinary("log"), 1, {}, 2);
  harness.publish(own("event/door"), 1, {}, 3);
  const auto offers = harness.all<OfferRecord>();
  REQUIRE(offers.size() == 1);
  harness.commit(offers[0].token);
  CHECK(acknowledged(harness) == std::vector<std::uint16_t>{3});
  harness.session.step(ProxyEvent(ProxyDown{}), harness.now, harness.actions);
  const auto packets = harness.packets();
  REQUIRE(packets.size() == 2);
  CHECK(std::get<mqtt::Suback>(packets[0]).reasons == std::vector<std::uint8_t>{0x80, 1});
  CHECK(std::get<mqtt::Ack>(packets[1]).reason == 0x83);
  CHECK(harness.session.phase() == Phase::open);
}

TEST_CASE("subscriptions of ordinary topics are replayed until the local broker is back") {
  SessionHarness harness(test::vehicle_options());
  harness.connect(false, 3'600);
  harness.session.step(Outcome<OpenedSession>(OpenedSession{true, 5, {{"b/all/#", 1, false, false}}}), harness.now,
                       harness.actions);
  REQUIRE(harness.all<ProxySubscribe>().size() == 1);
  CHECK(harness.all<ProxySubscribe>()[0].filters.at(0).retain_handling == 2);
  harness.actions.clear();
  harness.session.step(ProxyEvent(ProxyDown{}), harness.now, harness.actions);
  harness.now.mono = harness.session.next_tick(harness.now);
  harness.actions.clear();
  harness.session.tick(harness.now, harness.actions);
  CHECK(harness.all<ProxySubscribe>().size() == 1);
}

TEST_CASE("what the local broker sends on v1 or for another vehicle is dropped and counted") {
  SessionHarness harness(test::vehicle_options());
  harness.open();
  for (const std::string& topic : {own("cmd/abc"), std::string("x/") + kOtherVin + "/log", std::string("$SYS/load")}) {
    ProxyReceived received;
    received.token = 4;
    received.message.topic = topic;
    received.message.qos = 1;
    harness.session.step(ProxyEvent(received), harness.now, harness.actions);
  }
  CHECK(harness.written().empty());
  CHECK(harness.all<Count>().size() == 3);
  CHECK(harness.all<ProxyAck>().size() == 3);
  harness.actions.clear();
  ProxyReceived allowed;
  allowed.token = 5;
  allowed.message.topic = "b/all/news";
  allowed.message.qos = 1;
  harness.session.step(ProxyEvent(allowed), harness.now, harness.actions);
  const auto publish = std::get<mqtt::Publish>(harness.packets().at(0));
  harness.actions.clear();
  harness.feed(mqtt::Ack{mqtt::AckKind::puback, publish.packet_id, 0, {}});
  REQUIRE(harness.all<ProxyAck>().size() == 1);
  CHECK(harness.all<ProxyAck>()[0].token == 5);
}

TEST_CASE("a hanging local broker takes at most half of the window from custody") {
  SessionHarness harness(test::vehicle_options());
  harness.open();
  for (std::uint16_t id = 1; id <= 40; ++id) harness.publish(ordinary("log"), 1, {}, id);
  CHECK(harness.all<ProxyPublish>().size() == 32);
  harness.publish(own("event/door"), 1, {}, 100);
  CHECK(harness.all<OfferRecord>().size() == 1);
  CHECK(harness.session.phase() == Phase::open);
}

TEST_CASE("a 3.1.1 vehicle that sends more than we acknowledge is not read until the commits come") {
  SessionHarness harness(test::vehicle_options(), Version::v311);
  harness.open();
  for (std::uint16_t id = 1; id <= 64; ++id) {
    CHECK_FALSE(harness.session.wants_pause());
    harness.publish(own("event/door"), 1, {}, id);
  }
  CHECK(harness.session.wants_pause());
  harness.commit(harness.all<OfferRecord>()[0].token);
  CHECK_FALSE(harness.session.wants_pause());
}

TEST_CASE("session expiry is capped and the cap is told") {
  SessionHarness harness(test::vehicle_options());
  harness.connect(false, 0xFFFFFFFFU);
  const auto claims = harness.all<ClaimSession>();
  REQUIRE(claims.size() == 1);
  CHECK(claims[0].request.expiry_s == 7U * 86'400U);
  harness.actions.clear();
  harness.session.step(Outcome<OpenedSession>(OpenedSession{}), harness.now, harness.actions);
  CHECK(std::get<mqtt::Connack>(harness.packets().at(0)).properties.session_expiry_s == 7U * 86'400U);
}

TEST_CASE("a draining session ends once what it took is acknowledged") {
  SessionHarness harness(test::vehicle_options());
  harness.open();
  harness.publish(own("event/door"), 1, {}, 4);
  const auto offers = harness.all<OfferRecord>();
  harness.actions.clear();
  harness.session.drain(harness.now, harness.actions);
  CHECK(harness.all<Close>().empty());
  CHECK(harness.session.wants_pause());
  harness.commit(offers[0].token);
  const auto packets = harness.packets();
  REQUIRE(packets.size() == 2);
  CHECK(std::get<mqtt::Ack>(packets[0]).packet_id == 4);
  CHECK(std::get<mqtt::Disconnect>(packets[1]).reason == 0x8B);
}

}  // namespace
}  // namespace wayside
