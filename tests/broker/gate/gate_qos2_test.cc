// QoS 2 in a thousand histories of deaths and breaks, and over TLS through a real gate.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "schemas/messages.h"
#include "tests/broker/support/gate_fixture.h"
#include "tests/broker/support/qos2_world.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kVin;
using test::MqttClient;
using test::Qos2Bug;
using test::Qos2Counts;

// WAYSIDE_QOS2_SEED=N tells one history; WAYSIDE_QOS2_SEEDS=N that many.
std::uint64_t number_of(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

TEST_CASE("QoS 2: whoever dies or breaks, each message is in its lane once when it has PUBREC, and comes to PUBCOMP") {
  const std::uint64_t only = number_of("WAYSIDE_QOS2_SEED", 0);
  const std::uint64_t first = only == 0 ? 1 : only;
  const std::uint64_t seeds = only == 0 ? number_of("WAYSIDE_QOS2_SEEDS", 300) : 1;
  Qos2Counts counts;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    const std::string problem = test::run_qos2_history(seed, 400, Qos2Bug::none, counts);
    INFO("WAYSIDE_QOS2_SEED=" << seed << ": " << problem);
    REQUIRE(problem.empty());
  }
  INFO(counts.published << " published, " << counts.completed << " completed, " << counts.abandoned << " abandoned, "
                        << counts.crashes << " crashes, " << counts.takeovers << " takeovers, " << counts.repeats
                        << " repeats, " << counts.recovered << " recovered, " << counts.refused << " refused");
  if (only != 0) return;
  CHECK(counts.completed > seeds);
  CHECK(counts.crashes > seeds);
  CHECK(counts.takeovers > seeds / 10);
  CHECK(counts.repeats > seeds);
  CHECK(counts.recovered > seeds / 10);
  CHECK(counts.refused > seeds / 10);
}

TEST_CASE("QoS 2: each planted bug is found within its number of histories") {
  struct Planted {
    const char* name;
    Qos2Bug bug;
    std::uint64_t seeds_max;
  };
  for (const Planted& planted : {Planted{"PUBCOMP before release", Qos2Bug::pubcomp_before_release, 60},
                                 Planted{"session opened past receipts", Qos2Bug::open_past_receipts, 20},
                                 Planted{"receipts not scanned at a start", Qos2Bug::receipts_not_scanned, 60},
                                 Planted{"PUBREC before commit", Qos2Bug::pubrec_before_commit, 20}}) {
    const test::Qos2Found found = test::find_qos2_bug(planted.bug, planted.seeds_max);
    INFO(planted.name << ", seed " << found.seeds << ": " << found.problem);
    CHECK(found.found);
  }
}

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }

void publish(MqttClient& car, std::uint16_t packet_id, bool dup = false) {
  const std::string topic = own("event/door");
  mqtt::Publish packet;
  packet.topic = topic;
  packet.qos = 2;
  packet.packet_id = packet_id;
  packet.dup = dup;
  REQUIRE(car.send(packet));
}
std::string answer(MqttClient& car) {
  const auto arrived = car.expect<mqtt::Ack>();
  if (!arrived) return "nothing";
  const auto* ack = arrived->get<mqtt::Ack>();
  return std::to_string(static_cast<int>(ack->kind)) + " " + std::to_string(ack->packet_id) + " " +
         std::to_string(ack->reason);
}
// Records that are no presence.
std::size_t doors(GateFixture& fixture) {
  std::size_t count = 0;
  for (const test::Kept& kept : fixture.custody.kept(Lane::event)) count += kept.topic == own("event/door") ? 1 : 0;
  return count;
}

TEST_CASE("QoS 2: over TLS a publish goes PUBREC, PUBREL, PUBCOMP, in both versions") {
  for (const auto version : {mqtt::Version::v5, mqtt::Version::v311}) {
    GateFixture fixture;
    MqttClient car(fixture.vehicle(kVin, version));
    REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
    publish(car, 5);
    CHECK(answer(car) == "5 5 0");
    publish(car, 5, true);
    CHECK(answer(car) == "5 5 0");
    REQUIRE(car.send(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}}));
    CHECK(answer(car) == "7 5 0");
    REQUIRE(car.send(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}}));
    CHECK(answer(car) == (version == mqtt::Version::v5 ? "7 5 146" : "7 5 0"));
    CHECK(doors(fixture) == 1);
  }
}

TEST_CASE("QoS 2: who comes back while its record is on the way waits for it, and does not store it again") {
  for (const bool takes_over : {false, true}) {
    GateFixture fixture;
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
    REQUIRE(fixture.custody.wait_kept(Lane::event, 1));
    fixture.custody.hold(Lane::event, true);
    publish(car, 5);
    REQUIRE(test::wait_until([&] { return fixture.custody.waiting(Lane::event) == 1; }, 2'000));
    if (!takes_over) car.abort_tcp();
    MqttClient again(fixture.vehicle());
    REQUIRE(again.open());
    mqtt::Connect packet;
    packet.client_id = kVin;
    packet.clean_start = false;
    packet.properties.session_expiry_s = 3'600;
    REQUIRE(again.send(packet));
    CHECK_FALSE(again.receive(300));
    fixture.custody.hold(Lane::event, false);
    const auto connack = again.expect<mqtt::Connack>();
    REQUIRE(connack);
    CHECK(connack->get<mqtt::Connack>()->session_present);
    publish(again, 5, true);
    CHECK(answer(again) == "5 5 0");
    REQUIRE(again.send(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}}));
    CHECK(answer(again) == "7 5 0");
    CHECK(doors(fixture) == 1);
  }
}

TEST_CASE("QoS 2: an unreleased identifier survives the gate, and a clean start frees it") {
  GateFixture fixture;
  {
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
    publish(car, 5);
    CHECK(answer(car) == "5 5 0");
  }
  fixture.restart();
  {
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
    publish(car, 5, true);
    CHECK(answer(car) == "5 5 0");
    CHECK(doors(fixture) == 1);
  }
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin, true, 3'600)));
  publish(car, 5);
  CHECK(answer(car) == "5 5 0");
  CHECK(doors(fixture) == 2);
}

TEST_CASE("QoS 2: a lane without room is a PUBREC 0x97, and the same identifier may try again") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
  fixture.custody.refuse(Lane::event, Reason::SPOOL_FULL);
  publish(car, 5);
  CHECK(answer(car) == "5 5 151");
  fixture.custody.refuse(Lane::event, std::nullopt);
  publish(car, 5);
  CHECK(answer(car) == "5 5 0");
  CHECK(doors(fixture) == 1);
}

TEST_CASE("QoS 2: a command ack is offered once and comes to PUBCOMP") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
  const std::string topic = own("cmd/" + std::string(26, 'a') + "/ack");
  const Bytes payload = schemas::build_command_ack({{}, schemas::CommandState{4}, "", {1'700'000'000'000}});
  for (int i = 0; i < 2; ++i) {
    mqtt::Publish packet;
    packet.topic = topic;
    packet.payload = payload;
    packet.qos = 2;
    packet.packet_id = 5;
    packet.dup = i > 0;
    REQUIRE(car.send(packet));
    CHECK(answer(car) == "5 5 0");
  }
  REQUIRE(car.send(mqtt::Ack{mqtt::AckKind::pubrel, 5, 0, {}}));
  CHECK(answer(car) == "7 5 0");
  CHECK(fixture.commands.all<broker::AckOffered>().size() == 1);
}

}  // namespace
}  // namespace wayside
