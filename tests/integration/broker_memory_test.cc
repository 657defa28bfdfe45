// A real wayside-broker that gets no more memory: how it ends, and what it keeps.
#include <signal.h>
#include <sys/resource.h>

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "tests/broker/support/mqtt_client.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

constexpr std::size_t kPayloadBytes = 200'000;
constexpr std::uint16_t kOneByOne = 4;
constexpr std::uint16_t kBurst = 32;

const std::string kStream = std::string("v1/") + kVehicle + "/bulk/log";

std::string payload_of(std::uint64_t number) {
  std::string payload = std::to_string(number) + ":";
  payload.resize(kPayloadBytes, 'x');
  return payload;
}

ClientOptions vehicle(const EdgeFixture& edge) {
  ClientOptions options;
  options.port = static_cast<int>(edge.port("vehicles"));
  options.ca = edge.dir() / "pki/ca/links.crt";
  options.certificate = edge.dir() / (std::string("pki/vehicles/") + kVehicle + ".crt");
  options.key = edge.dir() / (std::string("pki/vehicles/") + kVehicle + ".key");
  return options;
}

// Of writable private memory, as RLIMIT_DATA counts it.
std::uint64_t data_bytes(pid_t pid) {
  const std::string status = slurp("/proc/" + std::to_string(pid) + "/status");
  const std::size_t at = status.find("VmData:");
  REQUIRE(at != std::string::npos);
  return std::strtoull(status.c_str() + at + 7, nullptr, 10) << 10U;
}

// `count` large publishes at once; what was acknowledged before the connection ended, if it did.
void burst(MqttClient& car, std::uint16_t count, std::uint64_t& number, std::set<std::string>& acknowledged) {
  const std::uint64_t first = number;
  for (std::uint16_t id = 1; id <= count; ++id) {
    const std::string payload = payload_of(number++);
    mqtt::Publish packet;
    packet.topic = kStream;
    packet.payload = as_bytes(payload);
    packet.qos = 1;
    packet.packet_id = id;
    if (!car.send(packet)) break;
  }
  while (const auto arrived = car.receive(2'000)) {
    const auto* ack = arrived->get<mqtt::Ack>();
    if (ack == nullptr) return;
    if (ack->reason == 0) acknowledged.insert(payload_of(first + ack->packet_id - 1));
    if (ack->packet_id == count) return;
  }
}

}  // namespace

TEST_CASE("Broker: without memory it ends at once, and what it acknowledged is there when it is started again") {
  EdgeFixture edge;
  edge.start({"vehicles.io_threads=1"});
  std::set<std::string> acknowledged;
  std::uint64_t number = 0;
  {
    MqttClient car(vehicle(edge));
    REQUIRE(car.open());
    REQUIRE(car.connect(kVehicle));
    for (std::uint16_t i = 0; i < kOneByOne; ++i) burst(car, 1, number, acknowledged);
    REQUIRE(acknowledged.size() == kOneByOne);
    // No further page: what it has may be used, and then nothing. A burst needs many times what one record did.
    const rlimit none{data_bytes(edge.broker().pid()), RLIM_INFINITY};
    REQUIRE(::prlimit(edge.broker().pid(), RLIMIT_DATA, &none, nullptr) == 0);
  }
  for (int round = 0; round < 200 && edge.broker().running(); ++round) {
    MqttClient car(vehicle(edge));
    if (!car.open() || !car.connect(kVehicle)) continue;
    for (int i = 0; i < 4 && edge.broker().running(); ++i) burst(car, kBurst, number, acknowledged);
  }
  INFO(edge.log());
  CHECK(edge.broker().wait(5'000) == 128 + SIGABRT);
  edge.start();
  std::set<std::string> stored;
  for (const EdgeFixture::Stored& record : edge.records(Lane::bulk)) stored.insert(record.payload);
  for (const std::string& payload : acknowledged) CHECK(stored.contains(payload));
  MqttClient car(vehicle(edge));
  REQUIRE(car.open());
  REQUIRE(car.connect(kVehicle));
  CHECK(car.publish(kStream, "1"));
}

}  // namespace wayside::test
