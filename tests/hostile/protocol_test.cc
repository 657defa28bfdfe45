// Peers with a certificate that speak MQTT as they should not.
#include <catch2/catch_test_macros.hpp>

#include "tests/hostile/hostile_region.h"

namespace wayside::test {
namespace {

using mqtt::Version;

Bytes raw_connect(const std::string& protocol, std::uint8_t level, const std::string& id) {
  Bytes out = {0x10, static_cast<std::uint8_t>(8 + protocol.size() + id.size())};
  const auto text = [&](const std::string& value) {
    out.push_back(0);
    out.push_back(static_cast<std::uint8_t>(value.size()));
    for (const char c : value) out.push_back(static_cast<std::uint8_t>(c));
  };
  text(protocol);
  for (const std::uint8_t byte : {level, std::uint8_t{2}, std::uint8_t{0}, std::uint8_t{60}}) out.push_back(byte);
  text(id);
  return out;
}

}  // namespace

TEST_CASE("Hostile: CONNECT of levels 3, 0x83, 0x84, 0x85 and MQIsdp gets its CONNACK and no other effect") {
  HostileRegion region;
  const double before = region.refusals("connect", "PROTOCOL_LEVEL");
  int sent = 0;
  region.commands_stay_fast_during([&] {
    const std::vector<std::pair<Bytes, std::uint8_t>> cases = {{raw_connect("MQTT", 3, region.rogue()), 0x01},
                                                               {raw_connect("MQTT", 0x83, region.rogue()), 0x01},
                                                               {raw_connect("MQTT", 0x84, region.rogue()), 0x01},
                                                               {raw_connect("MQTT", 0x85, region.rogue()), 0x84},
                                                               {raw_connect("MQIsdp", 3, region.rogue()), 0x01}};
    for (const auto& [bytes, code] : cases) {
      MqttClient client(region.rogue_client(code == 0x84 ? Version::v5 : Version::v311));
      REQUIRE(client.open());
      REQUIRE(client.send_raw(bytes));
      const auto answer = client.expect<mqtt::Connack>();
      REQUIRE(answer);
      CHECK(answer->get<mqtt::Connack>()->reason == code);
      CHECK(client.closed());
      ++sent;
    }
  });
  CHECK(region.refusals("connect", "PROTOCOL_LEVEL") - before == sent);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: a second CONNECT ends its connection, and what is pipelined behind a refused one has no effect") {
  HostileRegion region;
  const double before = region.refusals("connect", "VEHICLE_ID_MISMATCH");
  const double second_before = region.refusals("connect", "PROTOCOL_ERROR");
  int rounds = 0;
  region.commands_stay_fast_during([&] {
    MqttClient refused(region.rogue_client());
    REQUIRE(refused.open());
    mqtt::Connect connect;
    connect.client_id = region.good();
    mqtt::Publish publish;
    const std::string topic = "v1/" + region.good() + "/event/door";
    publish.topic = topic;
    publish.qos = 1;
    publish.packet_id = 1;
    Bytes bytes;
    mqtt::encode(connect, Version::v5, bytes);
    mqtt::encode(publish, Version::v5, bytes);
    REQUIRE(refused.send_raw(bytes));
    const auto connack = refused.expect<mqtt::Connack>();
    REQUIRE(connack);
    CHECK(connack->get<mqtt::Connack>()->reason == 0x85);
    CHECK(refused.closed());

    MqttClient twice(region.rogue_client());
    REQUIRE((twice.open() && twice.connect(region.rogue())));
    mqtt::Connect again;
    again.client_id = region.rogue();
    REQUIRE(twice.send(again));
    const auto bye = twice.expect<mqtt::Disconnect>();
    REQUIRE(bye);
    CHECK(bye->get<mqtt::Disconnect>()->reason == 0x82);
    ++rounds;
  });
  CHECK(region.refusals("connect", "VEHICLE_ID_MISMATCH") - before == rounds);
  CHECK(region.refusals("connect", "PROTOCOL_ERROR") - second_before == rounds);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: a vehicle that publishes what is not its own is told 0x87 and heard by nobody") {
  HostileRegion region;
  const double before = region.refusals("publish", "NOT_AUTHORIZED");
  const std::string id = region.request_to(region.good()).id_text;
  const std::size_t heard = region.issuer().statuses().size();
  int refused = 0;
  region.commands_stay_fast_during([&] {
    MqttClient client(region.rogue_client());
    REQUIRE((client.open() && client.connect(region.rogue())));
    for (const std::string& vehicle : {region.rogue(), region.good()}) {
      for (const std::string& row : {"cmd/" + id, std::string("request"), "status/" + id, std::string("presence"),
                                     std::string("control/reset")}) {
        const auto ack = client.publish("v1/" + vehicle + "/" + row, "x");
        REQUIRE(ack);
        CHECK(ack->reason == 0x87);
        ++refused;
      }
    }
    for (const std::string& foreign : {"v1/" + region.good() + "/state", "v1/" + region.good() + "/cmd/" + id + "/ack",
                                       std::string("$CONTROL/dynamic-security/v1"), std::string("v1/state")}) {
      const auto ack = client.publish(foreign, "x");
      REQUIRE(ack);
      CHECK(ack->reason == 0x87);
      ++refused;
    }
    CHECK(client.publish(region.own("event/door"), "x"));  // its own row is still open to it
  });
  CHECK(region.refusals("publish", "NOT_AUTHORIZED") - before == refused);
  for (const auto& status : region.issuer().statuses()) CHECK(status.vehicle == region.good());
  CHECK(region.issuer().statuses().size() > heard);

  MqttClient retained(region.rogue_client());
  REQUIRE((retained.open() && retained.connect(region.rogue())));
  mqtt::Publish publish;
  const std::string topic = region.own("event/door");
  publish.topic = topic;
  publish.retain = true;
  publish.qos = 1;
  publish.packet_id = 3;
  REQUIRE(retained.send(publish));
  const auto bye = retained.receive();
  REQUIRE(bye);
  CHECK(region.refusals("publish", "RETAIN_NOT_ALLOWED") == 1);
  MqttClient will(region.rogue_client());
  REQUIRE(will.open());
  mqtt::Connect connect;
  connect.client_id = region.rogue();
  connect.will.emplace();
  const std::string target = "v1/" + region.good() + "/cmd/" + id;
  connect.will->topic = target;
  const auto connack = will.connect(connect);
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->reason >= 0x80);
  CHECK(region.refusals("connect", "WILL_NOT_ALLOWED") == 1);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: a denied 3.1.1 PUBLISH gets no PUBACK and its resend loop is slowed") {
  HostileRegion region;
  const double denied_before = region.refusals("publish", "NOT_AUTHORIZED");
  int denied = 0;
  int slowed = 0;
  region.commands_stay_fast_during([&] {
    MqttClient client(region.rogue_client(Version::v311));
    REQUIRE(client.open());
    const auto connack = client.connect(region.rogue());
    REQUIRE(connack);
    if (connack->get<mqtt::Connack>()->reason != 0) {
      CHECK(connack->get<mqtt::Connack>()->reason == 0x03);
      ++slowed;
      return;
    }
    CHECK_FALSE(client.publish("v1/" + region.good() + "/state", "x"));
    ++denied;
  });
  // The attacker came back at once each time: the first is denied, the next ones wait one second, two, four.
  CHECK(denied >= 1);
  CHECK(slowed >= 1);
  CHECK(region.refusals("publish", "NOT_AUTHORIZED") - denied_before == denied);
  CHECK(region.refusals("connect", "BACKOFF") == slowed);
  region.nothing_is_lost();
}

}  // namespace wayside::test
