// An open session is told of its socket once for each thing that happens: nothing may be left lying there.
#include <sys/socket.h>

#include <catch2/catch_test_macros.hpp>

#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kVin;
using test::MqttClient;

std::string topic(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }

Bytes publishes(int count, std::uint8_t qos, std::size_t payload_bytes) {
  Bytes bytes;
  const std::string name = topic("state/Vehicle/Speed");
  const Bytes payload(payload_bytes, 'x');
  for (int i = 1; i <= count; ++i) {
    mqtt::Publish publish;
    publish.topic = name;
    publish.qos = qos;
    publish.packet_id = qos == 0 ? std::uint16_t{0} : static_cast<std::uint16_t>(i);
    publish.payload = payload;
    mqtt::encode(publish, mqtt::Version::v311, bytes);
  }
  return bytes;
}

// A 3.1.1 vehicle that has as much in custody as may be: the gate does not read it on before the lane commits.
struct PausedCar {
  explicit PausedCar(GateFixture& gate) : fixture(gate), client(gate.vehicle(kVin, mqtt::Version::v311)) {
    REQUIRE((client.open() && client.connect(kVin)));
    fixture.custody.hold(Lane::state, true);
    REQUIRE(client.send_raw(publishes(kWindow, 1, 1)));
    REQUIRE(test::wait_until([&] { return fixture.custody.waiting(Lane::state) == kWindow; }, 5'000));
  }
  static constexpr int kWindow = 8;
  static void small_window(broker::gate::GateOptions& options) { options.limits.receive_maximum = kWindow; }

  GateFixture& fixture;
  MqttClient client;
};

}  // namespace

TEST_CASE("what a vehicle said before it hung up is heard, and then it is gone") {
  GateFixture fixture(PausedCar::small_window);
  PausedCar car(fixture);
  REQUIRE(fixture.gate->vehicles_online() == 1);
  REQUIRE(car.client.send_raw(publishes(1, 0, 10)));
  REQUIRE(::shutdown(car.client.fd(), SHUT_WR) == 0);  // both lie in the socket when it is read on
  fixture.custody.hold(Lane::state, false);
  CHECK(fixture.custody.wait_kept(Lane::state, PausedCar::kWindow + 1));
  CHECK(test::wait_until([&] { return fixture.gate->vehicles_online() == 0; }, 5'000));
}

TEST_CASE("of more than one receive takes all is read, though nothing more arrives") {
  GateFixture fixture(PausedCar::small_window);
  PausedCar car(fixture);
  const int count = 400;
  REQUIRE(car.client.send_raw(publishes(count, 0, 1'000)));
  fixture.custody.hold(Lane::state, false);
  CHECK(fixture.custody.wait_kept(Lane::state, PausedCar::kWindow + count));
  CHECK(fixture.gate->vehicles_online() == 1);
}

TEST_CASE("a vehicle that resets is gone at once, read on or not") {
  GateFixture fixture(PausedCar::small_window);
  PausedCar car(fixture);
  car.client.abort_tcp();
  CHECK(test::wait_until([&] { return fixture.gate->vehicles_online() == 0; }, 5'000));
  fixture.custody.hold(Lane::state, false);
}

}  // namespace wayside
