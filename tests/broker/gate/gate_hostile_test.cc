// Hostile peers: each costs itself an answer with a reason and a well-behaved vehicle nothing.
#include <openssl/ssl.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <thread>

#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kOtherVin;
using test::kVin;
using test::MqttClient;
using test::wait_until;

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }

// A vehicle that behaves: connected before the attack, publishing during it.
struct GoodCar {
  explicit GoodCar(GateFixture& fixture) : client(fixture.vehicle(kOtherVin)) {
    REQUIRE((client.open() && client.connect(kOtherVin)));
  }
  // Acknowledged within a second.
  bool served() {
    const auto before = std::chrono::steady_clock::now();
    const bool acked = client.publish(std::string("v1/") + kOtherVin + "/event/beat", "1").has_value();
    return acked && std::chrono::steady_clock::now() - before < std::chrono::seconds(1);
  }
  MqttClient client;
};

std::optional<test::Arrived> answer_to(GateFixture& fixture, const Bytes& bytes, mqtt::Version version) {
  MqttClient client(fixture.vehicle(kVin, version));
  REQUIRE(client.open());
  REQUIRE(client.send_raw(bytes));
  auto answer = client.receive();
  if (answer) CHECK(client.closed());
  return answer;
}

TEST_CASE("protocol levels 3, 0x83, 0x84, 0x85 and MQIsdp are refused by CONNACK") {
  GateFixture fixture;
  const auto connect = [](std::uint8_t level) {
    Bytes bytes = {0x10, 29, 0, 4, 'M', 'Q', 'T', 'T', level, 2, 0, 60, 0, 17};
    for (const char* c = kVin; *c != 0; ++c) bytes.push_back(static_cast<std::uint8_t>(*c));
    return bytes;
  };
  for (const std::uint8_t level : {std::uint8_t{3}, std::uint8_t{0x83}, std::uint8_t{0x84}}) {
    const auto answer = answer_to(fixture, connect(level), mqtt::Version::v311);
    REQUIRE((answer && answer->get<mqtt::Connack>() != nullptr));
    CHECK(answer->get<mqtt::Connack>()->reason == 0x01);
  }
  const auto answer = answer_to(fixture, connect(0x85), mqtt::Version::v5);
  REQUIRE((answer && answer->get<mqtt::Connack>() != nullptr));
  CHECK(answer->get<mqtt::Connack>()->reason == 0x84);
  const Bytes older = {0x10, 15, 0, 6, 'M', 'Q', 'I', 's', 'd', 'p', 3, 2, 0, 60, 0, 1, 'a'};
  const auto to_older = answer_to(fixture, older, mqtt::Version::v311);
  REQUIRE((to_older && to_older->get<mqtt::Connack>() != nullptr));
  CHECK(to_older->get<mqtt::Connack>()->reason == 0x01);
  CHECK(fixture.refusals("connect", Reason::PROTOCOL_LEVEL) == 5);
}

TEST_CASE("an overlong Remaining Length is malformed before and after CONNECT") {
  GateFixture fixture;
  for (const Bytes& bytes : {Bytes{0x10, 0x91, 0x80, 0x00}, Bytes{0x10, 0x80, 0x80, 0x80, 0x80, 0x01}}) {
    MqttClient client(fixture.vehicle());
    REQUIRE(client.open());
    REQUIRE(client.send_raw(bytes));
    CHECK(client.closed());
  }
  MqttClient client(fixture.vehicle());
  REQUIRE((client.open() && client.connect(kVin)));
  REQUIRE(client.send_raw(Bytes{0x30, 0x91, 0x80, 0x00}));
  const auto bye = client.expect<mqtt::Disconnect>();
  REQUIRE(bye);
  CHECK(bye->get<mqtt::Disconnect>()->reason == 0x81);
  CHECK(fixture.refusals("packet", Reason::MALFORMED_PACKET) == 3);
}

TEST_CASE("what is pipelined behind a refused CONNECT has no effect, and the refusal arrives") {
  GateFixture fixture;
  MqttClient client(fixture.vehicle());
  REQUIRE(client.open());
  Bytes bytes;
  mqtt::Connect connect;
  connect.client_id = kOtherVin;
  mqtt::encode(connect, mqtt::Version::v5, bytes);
  mqtt::Publish publish;
  const std::string topic = own("event/door");
  publish.topic = topic;
  publish.qos = 1;
  publish.packet_id = 1;
  for (int i = 0; i < 100; ++i) mqtt::encode(publish, mqtt::Version::v5, bytes);
  REQUIRE(client.send_raw(bytes));
  const auto connack = client.expect<mqtt::Connack>();
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->reason == 0x85);
  CHECK(client.closed());
  CHECK(fixture.custody.kept(Lane::event).empty());
}

TEST_CASE("what is pipelined behind an accepted CONNECT takes effect in order") {
  GateFixture fixture;
  MqttClient client(fixture.vehicle());
  REQUIRE(client.open());
  Bytes bytes;
  mqtt::Connect connect;
  connect.client_id = kVin;
  mqtt::encode(connect, mqtt::Version::v5, bytes);
  mqtt::Publish publish;
  const std::string topic = own("event/door");
  publish.topic = topic;
  publish.qos = 1;
  for (std::uint16_t id = 1; id <= 40; ++id) {
    publish.packet_id = id;
    mqtt::encode(publish, mqtt::Version::v5, bytes);
  }
  REQUIRE(client.send_raw(bytes));
  REQUIRE(client.expect<mqtt::Connack>());
  for (std::uint16_t id = 1; id <= 40; ++id) {
    const auto ack = client.expect<mqtt::Ack>();
    REQUIRE(ack);
    CHECK(ack->get<mqtt::Ack>()->packet_id == id);
  }
}

TEST_CASE("a denied 3.1.1 PUBLISH is closed without PUBACK and its resend loop is slowed") {
  GateFixture fixture;
  GoodCar good(fixture);
  const auto deny = [&] {
    MqttClient car(fixture.vehicle(kVin, mqtt::Version::v311));
    REQUIRE(car.open());
    const auto connack = car.connect(kVin);
    REQUIRE(connack);
    if (connack->get<mqtt::Connack>()->reason != 0) return connack->get<mqtt::Connack>()->reason;
    CHECK_FALSE(car.publish(own("status/x"), "1"));
    return std::uint8_t{0};
  };
  CHECK(deny() == 0);
  CHECK(deny() == 3);  // at once: not yet
  CHECK(fixture.refusals("connect", Reason::BACKOFF) == 1);
  CHECK(good.served());
  CHECK(wait_until([&] { return deny() == 0; }, 3'000));  // a second later
  CHECK(fixture.refusals("publish", Reason::NOT_AUTHORIZED) == 2);
  const auto begin = std::chrono::steady_clock::now();
  CHECK(wait_until([&] { return deny() == 0; }, 5'000));
  CHECK(std::chrono::steady_clock::now() - begin > std::chrono::milliseconds(1'500));  // doubled
  CHECK(fixture.custody.kept(Lane::ack).empty());
}

TEST_CASE("SUBSCRIBE of own, foreign and own again is answered in order and delivers own only") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  CHECK(car.subscribe({own("cmd/#"), std::string("v1/") + kOtherVin + "/cmd/#", own("control/#")}) ==
        std::vector<std::uint8_t>{1, 0x87, 1});
  for (const std::string& filter :
       {std::string("+/") + kVin + "/#", std::string("v1/+/cmd/#"), std::string("/v1/") + kVin + "/x",
        std::string("v1//state"), std::string("v1/") + kVin + "x/#", std::string("#")}) {
    INFO(filter);
    const auto codes = car.subscribe({filter});
    REQUIRE(codes.size() == 1);
    CHECK(codes[0] >= 0x80);
  }
}

TEST_CASE("a header that claims 256 MB is refused at once and grows nothing") {
  GateFixture fixture;
  GoodCar good(fixture);
  for (int i = 0; i < 20; ++i) {
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin)));
    REQUIRE(car.send_raw(Bytes{0x32, 0xFF, 0xFF, 0xFF, 0x7F}));
    const auto bye = car.expect<mqtt::Disconnect>();
    REQUIRE(bye);
    CHECK(bye->get<mqtt::Disconnect>()->reason == 0x95);
  }
  CHECK(good.served());
}

TEST_CASE("the first packet has a bound of its own: what a known vehicle may send, a stranger may not") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.limits.first_packet_bytes_max = 1'024; });
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  const auto answer = car.publish(std::string("v1/") + kVin + "/bulk/trace", std::string(4'096, 'x'));
  REQUIRE(answer);
  CHECK(answer->reason < 0x80);
  for (const std::size_t padding : {std::size_t{900}, std::size_t{1'024}}) {
    MqttClient other(fixture.vehicle());
    REQUIRE(other.open());
    const std::string text(padding, 'x');
    mqtt::Connect connect;
    connect.client_id = kVin;
    connect.keep_alive_s = 60;
    connect.properties.user.emplace_back("padding", text);
    const auto connack = other.connect(connect);
    INFO("padding " << padding);
    CHECK((connack && connack->get<mqtt::Connack>()->reason < 0x80) == (padding == 900));
  }
}

TEST_CASE("slow loris at every stage is closed by its timeout while a vehicle is served") {
  GateFixture fixture([](broker::gate::GateOptions& options) {
    options.handshake_ms_max = 600;
    options.connect_ms_max = 600;
  });
  GoodCar good(fixture);
  constexpr int kEach = 40;
  std::vector<std::unique_ptr<MqttClient>> silent;  // TCP only
  std::vector<std::unique_ptr<MqttClient>> half_hello;
  std::vector<std::unique_ptr<MqttClient>> no_connect;
  std::vector<std::unique_ptr<MqttClient>> half_connect;
  for (int i = 0; i < kEach; ++i) {
    for (auto* group : {&silent, &half_hello, &no_connect, &half_connect}) {
      group->push_back(std::make_unique<MqttClient>(fixture.vehicle()));
      REQUIRE(group->back()->open_tcp());
    }
    REQUIRE(half_hello.back()->send_tcp(Bytes{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}));
    REQUIRE(no_connect.back()->shake_hands());
    REQUIRE(half_connect.back()->shake_hands());
    REQUIRE(half_connect.back()->send_raw(Bytes{0x10, 29, 0, 4, 'M'}));
    if (i % 10 == 0) CHECK(good.served());
  }
  CHECK(wait_until([&] { return fixture.refusals("handshake", Reason::HANDSHAKE_TIMEOUT) == 2 * kEach; }, 5'000));
  CHECK(wait_until([&] { return fixture.refusals("connect", Reason::CONNECT_TIMEOUT) == 2 * kEach; }, 5'000));
  CHECK(no_connect.front()->closed());
  CHECK(good.served());
}

TEST_CASE("a vehicle that drips bytes of one packet is silent: keep alive counts whole packets") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE(car.open());
  mqtt::Connect connect;
  connect.client_id = kVin;
  connect.keep_alive_s = 1;
  REQUIRE(car.connect(connect));
  REQUIRE(car.send_raw(Bytes{0x30, 0x7F}));
  std::optional<test::Arrived> bye;
  for (int i = 0; i < 12 && !bye; ++i) {
    car.send_raw(Bytes{0x00});
    bye = car.receive(250);
  }
  REQUIRE(bye);
  REQUIRE(bye->get<mqtt::Disconnect>() != nullptr);
  CHECK(bye->get<mqtt::Disconnect>()->reason == 0x8D);
}

TEST_CASE("a flood of junk handshakes takes the oldest slots and a vehicle still connects") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.handshakes_max = 8; });
  std::vector<std::unique_ptr<MqttClient>> junk;
  for (int i = 0; i < 100; ++i) {
    junk.push_back(std::make_unique<MqttClient>(fixture.vehicle()));
    REQUIRE(junk.back()->open_tcp());
    REQUIRE(junk.back()->send_tcp(Bytes{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}));
  }
  GoodCar good(fixture);
  CHECK(good.served());
  CHECK(fixture.refusals("handshake", Reason::SERVER_BUSY) >= 100 - 2 * 8);
}

TEST_CASE("bytes that are not TLS end the handshake with its counter") {
  GateFixture fixture;
  MqttClient client(fixture.vehicle());
  REQUIRE(client.open_tcp());
  REQUIRE(client.send_tcp(Bytes{0x10, 29, 0, 4, 'M', 'Q', 'T', 'T', 5, 2, 0, 60}));
  CHECK(wait_until([&] { return fixture.refusals("handshake", Reason::HANDSHAKE_FAILED) == 1; }, 2'000));
}

TEST_CASE("a KeyUpdate flood ends the connection and some KeyUpdates do not") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  for (int i = 0; i < 10; ++i) {
    SSL_key_update(car.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
    REQUIRE(car.send(mqtt::Pingreq{}));
    REQUIRE(car.expect<mqtt::Pingresp>());
  }
  bool over = false;
  for (int i = 0; i < 100 && !over; ++i) {
    SSL_key_update(car.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED);
    over = !car.send(mqtt::Pingreq{}) || !car.expect<mqtt::Pingresp>();
  }
  CHECK(over);
}

TEST_CASE("a TLS 1.2 client cannot renegotiate") {
  GateFixture fixture;
  test::ClientOptions options = fixture.vehicle();
  options.tls_version_max = TLS1_2_VERSION;
  MqttClient car(options);
  REQUIRE((car.open() && car.connect(kVin)));
  SSL_renegotiate(car.ssl());
  const bool renegotiated = SSL_do_handshake(car.ssl()) == 1 && SSL_renegotiate_pending(car.ssl()) == 0 &&
                            SSL_get_state(car.ssl()) == TLS_ST_OK && car.send(mqtt::Pingreq{}) &&
                            SSL_num_renegotiations(car.ssl()) > 1;
  CHECK_FALSE(renegotiated);
}

TEST_CASE("a packet in one-byte records is taken like any other") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  Bytes bytes;
  mqtt::Publish publish;
  const std::string topic = own("event/door");
  publish.topic = topic;
  publish.qos = 1;
  publish.packet_id = 4;
  mqtt::encode(publish, mqtt::Version::v5, bytes);
  for (const std::uint8_t byte : bytes) REQUIRE(car.send_raw(ByteView(&byte, 1)));
  const auto ack = car.expect<mqtt::Ack>();
  REQUIRE(ack);
  CHECK(ack->get<mqtt::Ack>()->packet_id == 4);
}

TEST_CASE("connections above the bound are closed at the door and those that are in stay") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.connections_max = 3; });
  GoodCar good(fixture);
  std::vector<std::unique_ptr<MqttClient>> others;
  for (int i = 0; i < 5; ++i) {
    others.push_back(std::make_unique<MqttClient>(fixture.vehicle()));
    REQUIRE(others.back()->open_tcp());
  }
  CHECK(wait_until([&] { return fixture.refusals("accept", Reason::SERVER_BUSY) == 3; }, 2'000));
  CHECK(good.served());
}

}  // namespace
}  // namespace wayside
