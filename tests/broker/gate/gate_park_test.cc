// Over TLS: a custody that has no room for a while, and vehicles that go on by themselves when it has.
#include <catch2/catch_test_macros.hpp>

#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using mqtt::Version;
using test::GateFixture;
using test::kVin;
using test::MqttClient;

const std::string kSpeed = std::string("v1/") + kVin + "/state/Vehicle/Speed";

void connect(MqttClient& car) {
  REQUIRE(car.open());
  REQUIRE(car.connect(kVin));
}

void send(MqttClient& car, std::uint16_t id, std::uint8_t qos = 1) {
  const std::string payload = std::to_string(id);
  mqtt::Publish packet;
  packet.topic = kSpeed;
  packet.payload = as_bytes(payload);
  packet.qos = qos;
  packet.packet_id = qos == 0 ? std::uint16_t{0} : id;
  REQUIRE(car.send(packet));
}

double gauge(const GateFixture& fixture, const std::string& name) { return fixture.registry->gauge(name, "").value(); }

double parked(const GateFixture& fixture, Reason reason) {
  return fixture.registry->counter("wayside_gate_parked_total", "", {{"reason", std::string(code(reason))}}).value();
}

}  // namespace

TEST_CASE("a 3.1.1 vehicle stalls at a full lane, is still answered, and goes on in order when there is room") {
  GateFixture fixture;
  fixture.custody.refuse(Lane::state, Reason::SPOOL_FULL);
  MqttClient car(fixture.vehicle(kVin, Version::v311));
  connect(car);
  for (std::uint16_t id = 1; id <= 40; ++id) send(car, id);
  REQUIRE(test::wait_until([&] { return gauge(fixture, "wayside_gate_parked_packets") == 40; }, 5'000));
  CHECK(gauge(fixture, "wayside_gate_parked_bytes") > 40);
  CHECK(parked(fixture, Reason::SPOOL_FULL) == 40);
  send(car, 41, 0);  // QoS 0 of that lane is dropped at the door, and counted there
  REQUIRE(car.send(mqtt::Pingreq{}));
  REQUIRE(car.expect<mqtt::Pingresp>());
  CHECK(fixture.custody.shed_of(Lane::state) == std::vector<Reason>{Reason::SPOOL_FULL});
  CHECK(car.publish(std::string("v1/") + kVin + "/event/door", "open", 100));  // another lane goes on

  const std::size_t before = fixture.custody.offered(Lane::state);
  CHECK(car.silent_for(1'500));
  const std::size_t probes = fixture.custody.offered(Lane::state) - before;
  CHECK(probes >= 1);
  CHECK(probes <= 6);  // looked at now and then, one record at a time

  fixture.custody.refuse(Lane::state, std::nullopt);
  for (std::uint16_t id = 1; id <= 40; ++id) {
    const auto arrived = car.expect<mqtt::Ack>();
    REQUIRE(arrived);
    CHECK(arrived->get<mqtt::Ack>()->packet_id == id);
  }
  const auto kept = fixture.custody.kept(Lane::state);
  REQUIRE(kept.size() == 40);
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i].payload == std::to_string(i + 1));
  CHECK(test::wait_until([&] { return gauge(fixture, "wayside_gate_parked_packets") == 0; }, 5'000));
  CHECK(gauge(fixture, "wayside_gate_parked_bytes") == 0);
}

TEST_CASE("a group that meets one refusal half way stops there: no record overtakes another") {
  GateFixture fixture;
  fixture.custody.refuse(Lane::state, Reason::SPOOL_FULL);
  MqttClient car(fixture.vehicle(kVin, Version::v311));
  connect(car);
  for (std::uint16_t id = 1; id <= 12; ++id) send(car, id);
  REQUIRE(test::wait_until([&] { return gauge(fixture, "wayside_gate_parked_packets") == 12; }, 5'000));
  fixture.custody.refuse_one_after(Lane::state, 4);
  fixture.custody.refuse(Lane::state, std::nullopt);
  REQUIRE(fixture.custody.wait_kept(Lane::state, 12));
  const auto kept = fixture.custody.kept(Lane::state);
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i].payload == std::to_string(i + 1));
  for (std::uint16_t id = 1; id <= 12; ++id) {
    const auto arrived = car.expect<mqtt::Ack>();
    REQUIRE(arrived);
    CHECK(arrived->get<mqtt::Ack>()->packet_id == id);
  }
}

TEST_CASE("a newer connection takes over from one with a park, whose publishes were never acknowledged") {
  GateFixture fixture;
  fixture.custody.refuse(Lane::state, Reason::SPOOL_FAULT);
  MqttClient older(fixture.vehicle(kVin, Version::v311));
  connect(older);
  send(older, 1);
  send(older, 2);
  REQUIRE(test::wait_until([&] { return gauge(fixture, "wayside_gate_parked_packets") == 2; }, 5'000));
  MqttClient newer(fixture.vehicle(kVin, Version::v311));
  connect(newer);
  CHECK(older.closed());
  CHECK(test::wait_until([&] { return gauge(fixture, "wayside_gate_parked_packets") == 0; }, 5'000));
  fixture.custody.refuse(Lane::state, std::nullopt);
  CHECK(newer.publish(kSpeed, "3", 1));
  const auto kept = fixture.custody.kept(Lane::state);
  REQUIRE(kept.size() == 1);  // what the older one had parked is gone with it
  CHECK(kept[0].payload == "3");
}

TEST_CASE("a full park closes a 3.1.1 connection with PARK_FULL, and the vehicle may come back at once") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.limits.park_packets_max = 3; });
  fixture.custody.refuse(Lane::state, Reason::SPOOL_FULL);
  MqttClient car(fixture.vehicle(kVin, Version::v311));
  connect(car);
  for (std::uint16_t id = 1; id <= 4; ++id) send(car, id);
  CHECK(car.closed());
  CHECK(fixture.refusals("publish", Reason::PARK_FULL) == 1);
  MqttClient again(fixture.vehicle(kVin, Version::v311));
  REQUIRE(again.open());
  const auto connack = again.connect(kVin);
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->reason == 0);
}

TEST_CASE("MQTT 5 gets 0x97 at a full lane and a parked 3.1.1 vehicle does not delay a shutdown") {
  GateFixture fixture;
  fixture.custody.refuse(Lane::state, Reason::QUEUE_FULL);
  MqttClient five(fixture.vehicle(test::kOtherVin));
  REQUIRE(five.open());
  REQUIRE(five.connect(test::kOtherVin));
  const auto ack = five.publish(std::string("v1/") + test::kOtherVin + "/state/Vehicle/Speed", "1");
  REQUIRE(ack);
  CHECK(ack->reason == 0x97);
  MqttClient car(fixture.vehicle(kVin, Version::v311));
  connect(car);
  send(car, 1);
  REQUIRE(test::wait_until([&] { return gauge(fixture, "wayside_gate_parked_packets") == 1; }, 5'000));
  fixture.gate->drain(0);
  CHECK(car.closed());
}

}  // namespace wayside
