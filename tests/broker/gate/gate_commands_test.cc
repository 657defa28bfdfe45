// Commands down to the vehicle, requests and status for services.
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>

#include "schemas/messages.h"
#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kOtherVin;
using test::kVin;
using test::MqttClient;
using test::wait_until;

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }

struct ReadyCar {
  explicit ReadyCar(GateFixture& given) : fixture(given), client(given.vehicle()) {
    REQUIRE((client.open() && client.connect(kVin)));
    REQUIRE(client.subscribe({own("cmd/#")}) == std::vector<std::uint8_t>{1});
    REQUIRE(wait_until([&] { return !fixture.commands.all<broker::VehicleReady>().empty(); }, 2'000));
    at = fixture.commands.all<broker::VehicleReady>().back().at;
  }
  void deliver(std::uint8_t number, std::int64_t left_ms, std::size_t bytes = 100) {
    broker::Deliver command;
    command.to = at;
    command.vehicle = kVin;
    command.id[0] = number;
    command.request = Bytes(bytes, 0x55);
    command.deadline = {fixture.clock.wall().value + left_ms};
    fixture.gate->post(command);
  }
  std::optional<broker::CommandWritten> written(std::uint8_t number) {
    for (const auto& event : fixture.commands.all<broker::CommandWritten>()) {
      if (event.id[0] == number) return event;
    }
    return std::nullopt;
  }
  GateFixture& fixture;
  MqttClient client;
  broker::ConnectionRef at;
};

TEST_CASE("a command reaches its vehicle with QoS 1 and its PUBACK comes back") {
  GateFixture fixture;
  ReadyCar car(fixture);
  car.deliver(1, 5'000);
  const auto arrived = car.client.expect<mqtt::Publish>();
  REQUIRE(arrived);
  const auto* publish = arrived->get<mqtt::Publish>();
  CHECK(publish->qos == 1);
  CHECK(publish->payload.size() == 100);
  REQUIRE(wait_until([&] { return car.written(1).has_value(); }, 2'000));
  CHECK(car.written(1)->written);
  REQUIRE(car.client.send(mqtt::Ack{mqtt::AckKind::puback, publish->packet_id, 0, {}}));
  CHECK(wait_until([&] { return fixture.commands.all<broker::CommandPuback>().size() == 1; }, 2'000));
}

TEST_CASE("a command with 0.4 s left is not written behind a radio that stalls, and the connection is reset") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.output_bytes_max = 64U << 20U; });
  ReadyCar car(fixture);
  // The car reads nothing: the first commands fill the kernel and our record, the last waits as plaintext.
  constexpr std::uint8_t kFilling = 40;
  for (std::uint8_t number = 1; number <= kFilling; ++number) car.deliver(number, 1'500, 240U << 10U);
  REQUIRE(wait_until([&] { return car.written(1).has_value(); }, 2'000));
  car.deliver(99, 400);
  REQUIRE(wait_until([&] { return fixture.commands.all<broker::VehicleGone>().size() == 1; }, 5'000));
  const auto late = car.written(99);
  CHECK((!late || !late->written));  // never reported as written: it ends EXPIRED
  // Whatever the car finds in its own buffer is whole packets of before; the late one is not among them.
  while (const auto arrived = car.client.receive(500)) {
    const auto* publish = arrived->get<mqtt::Publish>();
    if (publish != nullptr) CHECK(publish->payload.size() == (240U << 10U));
  }
}

TEST_CASE("a connection that ends with an unacknowledged command is reset by its deadline, whatever ended it") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.output_bytes_max = 64U << 20U; });
  ReadyCar car(fixture);
  constexpr std::uint8_t kFilling = 40;
  for (std::uint8_t number = 1; number <= kFilling; ++number) car.deliver(number, 1'000, 240U << 10U);
  REQUIRE(wait_until([&] { return car.written(1).has_value(); }, 2'000));
  REQUIRE(fixture.gate->block(kVin).ok());
  REQUIRE(wait_until([&] { return fixture.commands.all<broker::VehicleGone>().size() == 1; }, 2'000));
  const WallMs late{fixture.clock.wall().value + 1'300};
  REQUIRE(wait_until([&] { return fixture.clock.wall() > late; }, 3'000));
  // An orderly end would leave what the kernel holds to a radio that comes back later.
  Bytes buffer(64U << 10U);
  ssize_t got = 1;
  while (got > 0) got = ::recv(car.client.fd(), buffer.data(), buffer.size(), 0);
  CHECK(got < 0);
  CHECK(errno == ECONNRESET);
}

TEST_CASE("a command that waited past its deadline is dropped at the TLS record and those before it arrive") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.output_bytes_max = 64U << 20U; });
  ReadyCar car(fixture);
  constexpr std::uint8_t kFilling = 40;
  for (std::uint8_t number = 1; number <= kFilling; ++number) car.deliver(number, 30'000, 240U << 10U);
  REQUIRE(wait_until([&] { return car.written(1).has_value(); }, 2'000));
  car.deliver(99, 300);
  const WallMs late{fixture.clock.wall().value + 300};
  REQUIRE(wait_until([&] { return fixture.clock.wall() > late; }, 2'000));
  for (std::uint8_t number = 1; number <= kFilling; ++number) {
    const auto arrived = car.client.expect<mqtt::Publish>();
    REQUIRE(arrived);
    CHECK(arrived->get<mqtt::Publish>()->payload.size() == (240U << 10U));
  }
  REQUIRE(wait_until([&] { return car.written(99).has_value(); }, 2'000));
  CHECK_FALSE(car.written(99)->written);
  CHECK(car.client.silent_for(100));
}

TEST_CASE("commands overtake nothing of their own but wait for no telemetry: the flooding car gets its command") {
  GateFixture fixture;
  ReadyCar car(fixture);
  fixture.custody.hold(Lane::bulk, true);
  mqtt::Publish packet;
  const std::string topic = own("bulk/log");
  const Bytes payload(8'000, 1);
  packet.topic = topic;
  packet.payload = payload;
  for (int i = 0; i < 500; ++i) REQUIRE(car.client.send(packet));  // QoS 0
  car.deliver(1, 5'000);
  CHECK(car.client.expect<mqtt::Publish>(1'000));
}

TEST_CASE("a request is answered by its PUBACK: accepted, refused with the reason, or the mailbox is full") {
  GateFixture fixture;
  fixture.commands.judge = [](const Bytes& request) -> std::optional<Reason> {
    if (as_text(request) == "forged") return Reason::SIGNATURE_INVALID;
    return std::nullopt;
  };
  MqttClient app(fixture.service("region-app"));
  REQUIRE((app.open() && app.connect("tool")));
  mqtt::Publish packet;
  const std::string topic = own("request");
  packet.topic = topic;
  packet.qos = 1;
  const auto ask = [&](std::string_view payload, std::uint8_t code, std::string_view word) {
    packet.packet_id = static_cast<std::uint16_t>(packet.packet_id + 1);
    packet.payload = as_bytes(payload);
    REQUIRE(app.send(packet));
    const auto answer = app.expect<mqtt::Ack>();
    REQUIRE(answer);
    CHECK(answer->get<mqtt::Ack>()->reason == code);
    CHECK(answer->get<mqtt::Ack>()->properties.reason_string == word);
  };
  ask("good", 0x00, "ACCEPTED");
  ask("forged", 0x87, "SIGNATURE_INVALID");
  fixture.commands.room = false;
  ask("good", 0x97, "QUEUE_FULL");
}

TEST_CASE("services see presence and status of vehicles in their scope, across threads") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.io_threads = 3; });
  MqttClient all(fixture.service("region-app"));
  MqttClient scoped(fixture.service("scoped-app"));
  for (MqttClient* app : {&all, &scoped}) {
    REQUIRE((app->open() && app->connect("")));
    REQUIRE(app->subscribe({"v1/+/presence", "v1/+/status/#"}) == std::vector<std::uint8_t>{1, 1});
  }
  MqttClient other(fixture.vehicle(kOtherVin));
  MqttClient car(fixture.vehicle());
  REQUIRE((other.open() && other.connect(kOtherVin) && car.open() && car.connect(kVin)));
  fixture.gate->post(broker::ServiceEvent{kVin, own("status/x"), std::make_shared<const Bytes>(Bytes{1})});
  const auto next_topic = [](MqttClient& app) {
    const auto arrived = app.expect<mqtt::Publish>();
    return arrived ? std::string(arrived->get<mqtt::Publish>()->topic) : std::string();
  };
  CHECK(next_topic(all) == std::string("v1/") + kOtherVin + "/presence");
  CHECK(next_topic(all) == own("presence"));
  CHECK(next_topic(all) == own("status/x"));
  CHECK(next_topic(scoped) == own("presence"));
  CHECK(next_topic(scoped) == own("status/x"));
}

TEST_CASE("a service that does not read is closed at its bound and a vehicle notices nothing") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.output_bytes_max = 128U << 10U; });
  MqttClient app(fixture.service("region-app"));
  REQUIRE((app.open() && app.connect("")));
  REQUIRE(app.subscribe({"v1/+/status/#"}, 0) == std::vector<std::uint8_t>{0});
  const auto payload = std::make_shared<const Bytes>(Bytes(32U << 10U, 1));
  const bool closed = wait_until(
      [&] {
        for (int i = 0; i < 50; ++i) fixture.gate->post(broker::ServiceEvent{kVin, own("status/x"), payload});
        return fixture.refusals("output", Reason::NOT_DRAINING) == 1;
      },
      10'000);
  CHECK(closed);
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  CHECK(car.publish(own("event/x"), "1"));
}

}  // namespace
}  // namespace wayside
