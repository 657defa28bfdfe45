// From a vehicle to custody and back: an acknowledgement leaves only behind the commit.
#include <catch2/catch_test_macros.hpp>

#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kVin;
using test::MqttClient;

std::string topic(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }

TEST_CASE("a stock mosquitto_pub with QoS 1 ends only after its record is committed") {
  GateFixture fixture;
  fixture.custody.hold(Lane::state, true);
  test::Process publisher(
      {"mosquitto_pub", "-h", "localhost", "-p", std::to_string(fixture.gate->vehicles_port()), "--cafile",
       fixture.pki_path("ca/links.crt"), "--cert", fixture.pki_path(std::string("vehicles/") + kVin + ".crt"), "--key",
       fixture.pki_path(std::string("vehicles/") + kVin + ".key"), "-i", kVin, "-q", "1", "-t",
       topic("state/Vehicle/Speed"), "-m", "12.5"},
      {.output = fixture.folder / "pub.log"});
  REQUIRE(test::wait_until([&] { return fixture.custody.waiting(Lane::state) == 1; }, 5'000));
  CHECK_FALSE(publisher.wait(300).has_value());  // offered, not committed: no PUBACK yet
  fixture.custody.hold(Lane::state, false);
  INFO(test::slurp(fixture.folder / "pub.log"));
  CHECK(publisher.wait(5'000) == 0);
  const auto kept = fixture.custody.kept(Lane::state);
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].vehicle == kVin);
  CHECK(kept[0].topic == topic("state/Vehicle/Speed"));
  CHECK(kept[0].payload == "12.5");
}

TEST_CASE("a 3.1.1 vehicle connects, publishes and is acknowledged") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle(kVin, mqtt::Version::v311));
  REQUIRE(car.open());
  const auto connack = car.connect(kVin);
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->reason == 0);
  CHECK_FALSE(connack->get<mqtt::Connack>()->session_present);
  const auto ack = car.publish(topic("event/door"), "open", 9);
  REQUIRE(ack);
  CHECK(ack->packet_id == 9);
}

}  // namespace
}  // namespace wayside
