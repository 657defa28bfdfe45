// QoS 2 against a real wayside-broker: stock clients, a kill between PUBREC and PUBREL, a takeover.
#include <signal.h>

#include <algorithm>
#include <map>

#include "tests/broker/support/mqtt_client.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

const std::string kDoor = std::string("v1/") + kVehicle + "/event/door";

ClientOptions car_options(const EdgeFixture& edge, mqtt::Version version) {
  ClientOptions options;
  options.port = static_cast<int>(edge.port("vehicles"));
  options.ca = edge.dir() / "pki/ca/links.crt";
  options.certificate = edge.dir() / (std::string("pki/vehicles/") + kVehicle + ".crt");
  options.key = edge.dir() / (std::string("pki/vehicles/") + kVehicle + ".key");
  options.version = version;
  return options;
}

void publish(MqttClient& car, const std::string& payload, std::uint16_t packet_id, bool dup = false) {
  mqtt::Publish packet;
  packet.topic = kDoor;
  packet.payload = as_bytes(payload);
  packet.qos = 2;
  packet.packet_id = packet_id;
  packet.dup = dup;
  REQUIRE(car.send(packet));
}
void pubrel(MqttClient& car, std::uint16_t packet_id) {
  REQUIRE(car.send(mqtt::Ack{mqtt::AckKind::pubrel, packet_id, 0, {}}));
}
std::string answer(MqttClient& car) {
  const auto arrived = car.expect<mqtt::Ack>();
  if (!arrived) return "nothing";
  const auto* ack = arrived->get<mqtt::Ack>();
  const char* kind = ack->kind == mqtt::AckKind::pubrec ? "PUBREC " : "PUBCOMP ";
  return kind + std::to_string(ack->packet_id) + (ack->reason == 0 ? "" : " " + std::to_string(ack->reason));
}
// The session of before is there.
std::unique_ptr<MqttClient> come_back(const EdgeFixture& edge, mqtt::Version version) {
  auto car = std::make_unique<MqttClient>(car_options(edge, version));
  REQUIRE(car->open());
  const auto connack = car->connect(kVehicle, false, 3'600);
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->session_present);
  return car;
}

std::size_t times(const EdgeFixture& edge, const std::string& payload) {
  const auto records = edge.records(Lane::event);
  return static_cast<std::size_t>(
      std::count_if(records.begin(), records.end(), [&](const auto& record) { return record.payload == payload; }));
}

void kill_and_start(EdgeFixture& edge) {
  edge.broker().signal(SIGKILL);
  edge.broker().wait();
  edge.start();
}

}  // namespace

TEST_CASE("QoS 2: a broker that is killed between PUBREC and PUBREL knows the identifier, and frees it once") {
  for (const auto version : {mqtt::Version::v5, mqtt::Version::v311}) {
    EdgeFixture edge;
    edge.start();
    auto car = std::make_unique<MqttClient>(car_options(edge, version));
    REQUIRE((car->open() && car->connect(kVehicle, false, 3'600)));
    publish(*car, "first", 5);
    publish(*car, "second", 6);
    CHECK(answer(*car) == "PUBREC 5");
    CHECK(answer(*car) == "PUBREC 6");
    kill_and_start(edge);

    car = come_back(edge, version);
    publish(*car, "first", 5, true);  // its PUBREC was lost on the way
    CHECK(answer(*car) == "PUBREC 5");
    pubrel(*car, 5);
    pubrel(*car, 6);
    CHECK(answer(*car) == "PUBCOMP 5");
    CHECK(answer(*car) == "PUBCOMP 6");
    kill_and_start(edge);

    car = come_back(edge, version);
    pubrel(*car, 6);  // its PUBCOMP was lost on the way
    CHECK(answer(*car) == (version == mqtt::Version::v5 ? "PUBCOMP 6 146" : "PUBCOMP 6"));
    publish(*car, "third", 5);
    CHECK(answer(*car) == "PUBREC 5");
    const auto newer = come_back(edge, version);  // while the older connection lives
    publish(*newer, "third", 5, true);
    CHECK(answer(*newer) == "PUBREC 5");
    pubrel(*newer, 5);
    CHECK(answer(*newer) == "PUBCOMP 5");
    for (const char* payload : {"first", "second", "third"}) CHECK(times(edge, payload) == 1);
  }
}

// The kill hits where it hits: before the commit, between it and the session store, before PUBREC, before PUBCOMP. The
// vehicle sends again until PUBCOMP.
TEST_CASE("QoS 2: killed again and again under load, every message is in the lane once") {
  constexpr int kKills = 8;
  constexpr std::uint16_t kIds = 16;
  EdgeFixture edge;
  edge.start();
  const auto version = mqtt::Version::v5;
  auto car = std::make_unique<MqttClient>(car_options(edge, version));
  REQUIRE((car->open() && car->connect(kVehicle, false, 3'600)));
  struct Sent {
    std::string payload;
    bool received = false;
  };
  std::map<std::uint16_t, Sent> sent;
  int last = 0;
  int completed = 0;
  for (int kill = 0; kill <= kKills; ++kill) {
    if (kill > 0) {
      car = come_back(edge, version);
      for (const auto& [id, one] : sent) {
        if (one.received) {
          pubrel(*car, id);
        } else {
          publish(*car, one.payload, id, true);
        }
      }
    }
    const int until = completed + 40 + 7 * kill;
    while (completed < until || (kill == kKills && !sent.empty())) {
      for (std::uint16_t id = 1; id <= kIds && completed < until; ++id) {
        if (sent.contains(id)) continue;
        sent[id].payload = "message " + std::to_string(++last);
        publish(*car, sent[id].payload, id);
      }
      const auto arrived = car->expect<mqtt::Ack>();
      REQUIRE(arrived);
      const auto* ack = arrived->get<mqtt::Ack>();
      REQUIRE(sent.contains(ack->packet_id));
      if (ack->kind == mqtt::AckKind::pubrec) {
        REQUIRE(ack->reason == 0);
        sent[ack->packet_id].received = true;
        pubrel(*car, ack->packet_id);
      } else {
        sent.erase(ack->packet_id);
        ++completed;
      }
    }
    if (kill < kKills) kill_and_start(edge);
  }
  std::map<std::string, int> stored;
  for (const auto& record : edge.records(Lane::event)) ++stored[record.payload];
  for (int i = 1; i <= last; ++i) {
    INFO("message " << i << " of " << last);
    CHECK(stored["message " + std::to_string(i)] == 1);
  }
}

TEST_CASE("QoS 2: stock clients publish it over TLS, in both versions") {
  EdgeFixture edge;
  edge.start();
  for (const std::string version : {"mqttv5", "mqttv311"}) {
    const Ran ran = run(edge.as_vehicle("mosquitto_pub", kVehicle,
                                        {"-d", "-V", version, "-q", "2", "-t", kDoor, "-m", "by " + version}));
    INFO(ran.output << edge.log());
    CHECK(ran.exit_code == 0);
    CHECK(ran.output.find("received PUBCOMP") != std::string::npos);
    CHECK(times(edge, "by " + version) == 1);
  }
}

}  // namespace wayside::test
