// A real wayside-broker whose state lane is full and has no bridge: who stalls, who is told, and how it ends.
#include <catch2/catch_test_macros.hpp>

#include "common/metrics/samples.h"
#include "fleet/admin.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/integration/edge_fixture.h"
#include "tests/support/small_volume.h"

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

fleet::HttpReply get(const EdgeFixture& edge, const std::string& path) {
  Result<fleet::HttpReply> reply = fleet::http_get(static_cast<int>(edge.port("metrics")), path);
  REQUIRE(reply.ok());
  return *reply;
}

double shed_for(const EdgeFixture& edge, const std::string& reason) {
  return metrics::Samples::parse(get(edge, "/metrics").body)
      .sum("wayside_door_records_total", {{"lane", "state"}, {"outcome", "shed"}, {"reason", reason}});
}

bool send_publish(MqttClient& client, const std::string& topic, std::uint16_t id, std::uint8_t qos) {
  const std::string payload = payload_of(id);
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = as_bytes(payload);
  packet.qos = qos;
  packet.packet_id = qos == 0 ? std::uint16_t{0} : id;
  return client.send(packet);
}

// Publishes until custody says no; appends what was acknowledged. The reason of the refusal.
int publish_until_refused(MqttClient& client, const std::string& topic, std::vector<std::string>& acknowledged) {
  for (std::uint16_t id = 1; id < 1'000; ++id) {
    const std::optional<mqtt::Ack> ack = client.publish(topic, payload_of(id), id);
    if (!ack) return -1;
    if (ack->reason != 0) return ack->reason;
    acknowledged.push_back(payload_of(id));
  }
  return 0;
}

void fill_the_volume_under_a_broker() {
  EdgeFixture edge;
  REQUIRE(os::make_dirs(edge.dir() / "state").ok());
  SmallVolume volume(VolumeKind::tmpfs, edge.dir() / "state", 96U << 20U);
  if (volume.refused()) SKIP("no tmpfs can be mounted here: " << *volume.refused());
  edge.start({"custody.lane_command_bytes_max=4194304", "custody.lane_ack_bytes_max=4194304",
              "custody.lane_event_bytes_max=4194304", "custody.lane_bulk_bytes_max=4194304",
              "custody.volume_reserve_bytes=0", "commands.open_bytes_max=1048576"});
  MqttClient five(client(edge, kOther, mqtt::Version::v5));
  REQUIRE(five.open());
  REQUIRE(five.connect(kOther));
  MqttClient car(client(edge, kVehicle, mqtt::Version::v311));
  REQUIRE(car.open());
  REQUIRE(car.connect(kVehicle));
  const std::string others = topic_of(kOther, "state/Vehicle/Speed");
  const std::string speed = topic_of(kVehicle, "state/Vehicle/Speed");
  CHECK(get(edge, "/readyz").status == 200);

  std::vector<std::string> acknowledged;
  const std::optional<mqtt::Ack> before = five.publish(others, payload_of(9), 1);  // the lane has an open segment
  REQUIRE(before);
  CHECK(before->reason == 0);
  acknowledged.push_back(payload_of(9));
  volume.fill();
  CHECK(publish_until_refused(five, others, acknowledged) == 0x97);
  CHECK(acknowledged.size() > 10);  // what was reserved ahead
  CHECK(acknowledged.size() < 200);
  CHECK(get(edge, "/readyz").status == 503);
  for (std::uint16_t id = 1; id <= kParked; ++id) REQUIRE(send_publish(car, speed, id, 1));
  CHECK(car.silent_for(1'500));
  REQUIRE(car.send(mqtt::Pingreq{}));
  REQUIRE(car.expect<mqtt::Pingresp>());
  const std::optional<mqtt::Ack> still = five.publish(others, payload_of(0), 1);
  REQUIRE(still);
  CHECK(still->reason == 0x97);
  REQUIRE(send_publish(five, others, 0, 0));
  REQUIRE(wait_until([&] { return shed_for(edge, "SPOOL_FAULT") == 1; }, 5'000));

  volume.make_room();
  for (std::uint16_t id = 1; id <= kParked; ++id) {
    const auto arrived = car.expect<mqtt::Ack>(15'000);
    INFO(edge.log());
    REQUIRE(arrived);
    CHECK(arrived->get<mqtt::Ack>()->packet_id == id);
    acknowledged.push_back(payload_of(id));
  }
  const std::optional<mqtt::Ack> again = five.publish(others, payload_of(7), 1);
  REQUIRE(again);
  CHECK(again->reason == 0);
  acknowledged.push_back(payload_of(7));
  CHECK(payloads_from(edge, Lane::state, 0) == acknowledged);  // each once, in order, and nothing else
  CHECK(wait_until([&] { return get(edge, "/readyz").status == 200; }, 10'000));
  // The door did not open before there was room: one fault, not one a try.
  const std::string log = edge.log();
  std::size_t said = 0;
  for (std::size_t at = log.find("custody_fault"); at != std::string::npos; at = log.find("custody_fault", at + 1))
    ++said;
  CHECK(said == 1);
}

}  // namespace

TEST_CASE("Broker: a volume without room refuses, keeps what it acknowledged, and takes again by itself") {
  const auto refused = in_mount_namespace(fill_the_volume_under_a_broker);
  if (refused) SKIP("a mount namespace is not permitted here: " << *refused);
}

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
  REQUIRE(send_publish(five, others, 0, 0));  // QoS 0 is shed, and counted as such
  CHECK(wait_until([&] { return shed_for(edge, "SPOOL_FULL") == 1; }, 5'000));

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
