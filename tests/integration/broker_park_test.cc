// A real wayside-broker whose state lane is full and has no bridge: who stalls, who is told, and how it ends.
#include <catch2/catch_test_macros.hpp>

#include "tests/broker/support/mqtt_client.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

// Every record of the test has this size: a lane that has no room for one has none for the next.
constexpr std::size_t kPayloadBytes = 50'000;
constexpr std::uint16_t kParked = 8;

std::string topic_of(const char* vehicle, const std::string& rest) { return std::string("v1/") + vehicle + "/" + rest; }

std::string payload_of(std::uint16_t id) {
  std::string payload = std::to_string(id) + ":";
  payload.resize(kPayloadBytes, 'x');
  return payload;
}

ClientOptions client(const EdgeFixture& edge, const char* vehicle, mqtt::Version version) {
  ClientOptions options;
  options.port = static_cast<int>(edge.port("vehicles"));
  options.ca = edge.dir() / "pki/ca/links.crt";
  options.certificate = edge.dir() / (std::string("pki/vehicles/") + vehicle + ".crt");
  options.key = edge.dir() / (std::string("pki/vehicles/") + vehicle + ".key");
  options.version = version;
  return options;
}

// What `bridge edge` does when the core has everything: the whole lane is settled.
std::uint64_t settle_all(const EdgeFixture& edge, Lane lane) {
  const auto disk = os::make_posix_disk();
  auto volume = spool::open_volume(*disk, edge.dir() / "state/spool", spool::VolumeRole::reader, {});
  REQUIRE(volume.ok());
  auto log = spool::SettlementLog::open(*disk, volume->lane_dir(lane), volume->uuid, lane);
  REQUIRE(log.ok());
  auto reader = spool::LaneReader::open(*disk, volume->lane_dir(lane), volume->uuid, lane);
  REQUIRE(reader.ok());
  spool::Standing standing;
  standing.next = (*reader)->synced();
  standing.digest = (*reader)->digest_before(standing.next).value();
  standing.totals.delivered = standing.next.value;
  REQUIRE((*log)->settle(standing).ok());
  return standing.next.value;
}

std::vector<std::string> payloads_from(const EdgeFixture& edge, Lane lane, std::uint64_t offset) {
  const auto disk = os::make_posix_disk();
  auto volume = spool::open_volume(*disk, edge.dir() / "state/spool", spool::VolumeRole::reader, {});
  REQUIRE(volume.ok());
  auto reader = spool::LaneReader::open(*disk, volume->lane_dir(lane), volume->uuid, lane);
  REQUIRE(reader.ok());
  std::vector<std::string> out;
  for (Offset at{offset}; at < (*reader)->synced();) {
    auto read = (*reader)->read(at, 1000, 1U << 20U);
    REQUIRE(read.ok());
    for (const spool::ReadRecord& record : *read) {
      auto decoded = schemas::decode_record(record.body);
      REQUIRE(decoded.ok());
      out.emplace_back(as_text(decoded->payload));
      at = record.offset + 1;
    }
  }
  return out;
}

}  // namespace

TEST_CASE("Broker: a full lane tells MQTT 5 and stalls 3.1.1, and both go on by themselves when it is settled") {
  EdgeFixture edge;
  edge.start({"custody.lane_state_bytes_max=4194304"});
  MqttClient five(client(edge, kOther, mqtt::Version::v5));
  REQUIRE(five.open());
  REQUIRE(five.connect(kOther));
  const std::string others = topic_of(kOther, "state/Vehicle/Speed");
  std::uint16_t taken = 0;
  std::optional<mqtt::Ack> ack = five.publish(others, payload_of(0), 1);
  for (; ack && ack->reason == 0 && taken < 1'000; ++taken) ack = five.publish(others, payload_of(0), 1);
  INFO(edge.log());
  REQUIRE(ack);
  CHECK(ack->reason == 0x97);
  CHECK(taken > 40);

  MqttClient car(client(edge, kVehicle, mqtt::Version::v311));
  REQUIRE(car.open());
  REQUIRE(car.connect(kVehicle));
  const std::string speed = topic_of(kVehicle, "state/Vehicle/Speed");
  for (std::uint16_t id = 1; id <= kParked; ++id) {
    const std::string payload = payload_of(id);
    mqtt::Publish packet;
    packet.topic = speed;
    packet.payload = as_bytes(payload);
    packet.qos = 1;
    packet.packet_id = id;
    REQUIRE(car.send(packet));
  }
  CHECK(car.silent_for(1'500));  // stalled, through several looks of the lane at its settlement
  REQUIRE(car.send(mqtt::Pingreq{}));
  REQUIRE(car.expect<mqtt::Pingresp>());
  CHECK(car.publish(topic_of(kVehicle, "event/door"), "open", 100));
  CHECK(payloads_from(edge, Lane::state, taken).empty());

  const std::uint64_t settled = settle_all(edge, Lane::state);
  CHECK(settled == taken);
  for (std::uint16_t id = 1; id <= kParked; ++id) {
    const auto arrived = car.expect<mqtt::Ack>();
    REQUIRE(arrived);
    CHECK(arrived->get<mqtt::Ack>()->packet_id == id);
  }
  const std::vector<std::string> stored = payloads_from(edge, Lane::state, settled);
  REQUIRE(stored.size() == kParked);  // each once, in order
  for (std::uint16_t id = 1; id <= kParked; ++id) CHECK(stored[id - 1U] == payload_of(id));
  ack = five.publish(others, payload_of(0), 2);
  REQUIRE(ack);
  CHECK(ack->reason == 0);
}

}  // namespace wayside::test
