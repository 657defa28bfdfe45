// One vehicle, one connection: takeover, presence and sessions that outlive the gate.
#include <catch2/catch_test_macros.hpp>
#include <future>
#include <thread>

#include "broker/presence_sweep.h"
#include "schemas/messages.h"
#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kVin;
using test::MqttClient;

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }

std::vector<schemas::PresenceMessage> presence(GateFixture& fixture) {
  std::vector<schemas::PresenceMessage> out;
  for (const test::Kept& kept : fixture.custody.kept(Lane::event)) {
    const auto parsed = schemas::parse_presence(as_bytes(kept.payload));
    if (parsed.ok()) out.push_back(parsed.value());
  }
  return out;
}

TEST_CASE("a takeover ends the older connection with a word before the newer one is answered") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.io_threads = 4; });
  std::unique_ptr<MqttClient> older;
  constexpr int kConnections = 12;  // the kernel spreads them over the threads
  for (int i = 0; i < kConnections; ++i) {
    auto newer = std::make_unique<MqttClient>(fixture.vehicle());
    REQUIRE(newer->open());
    REQUIRE(newer->connect(kVin));
    if (older) {
      const auto bye = older->expect<mqtt::Disconnect>();
      REQUIRE(bye);
      CHECK(bye->get<mqtt::Disconnect>()->reason == 0x8E);
    }
    older = std::move(newer);
  }
  CHECK(fixture.gate->vehicles_online() == 1);
  REQUIRE(fixture.custody.wait_kept(Lane::event, 2 * kConnections - 1));
  const auto seen = presence(fixture);
  for (std::size_t i = 1; i < seen.size(); ++i) {
    CHECK(seen[i].online != seen[i - 1].online);
    CHECK(seen[i].epoch >= seen[i - 1].epoch);
    if (seen[i].online) CHECK(seen[i].epoch > seen[i - 1].epoch);
    if (!seen[i].online) CHECK(seen[i].reason == "SESSION_TAKEN_OVER");
  }
}

TEST_CASE("many connections of one vehicle at once speak one after the other, never past each other") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.io_threads = 4; });
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&fixture] {
      for (int round = 0; round < 15; ++round) {
        MqttClient car(fixture.vehicle());
        if (!car.open() || !car.connect(kVin)) continue;
        car.publish(own("event/door"), "open");
        if (round % 3 == 0) car.abort_tcp();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  REQUIRE(test::wait_until([&] { return fixture.gate->vehicles_online() == 0; }, 5'000));
  REQUIRE(test::wait_until(
      [&] {
        const auto seen = presence(fixture);
        return !seen.empty() && !seen.back().online;
      },
      5'000));
  std::uint64_t epoch = 0;
  bool online = false;
  for (const test::Kept& kept : fixture.custody.kept(Lane::event)) {
    const auto parsed = schemas::parse_presence(as_bytes(kept.payload));
    if (!parsed.ok()) {
      CHECK((online && kept.epoch == epoch));  // a record lies between the ONLINE and the OFFLINE of its own epoch
      continue;
    }
    CHECK(parsed->online != online);
    CHECK((parsed->online ? parsed->epoch > epoch : parsed->epoch == epoch));
    online = parsed->online;
    epoch = parsed->epoch;
  }
}

TEST_CASE("what the older connection had sent before a takeover is in custody before the newer one speaks") {
  GateFixture fixture;
  MqttClient older(fixture.vehicle());
  REQUIRE((older.open() && older.connect(kVin)));
  mqtt::Publish packet;
  const std::string topic = own("event/door");
  packet.topic = topic;
  packet.qos = 1;
  for (std::uint16_t id = 1; id <= 50; ++id) {
    packet.packet_id = id;
    REQUIRE(older.send(packet));
  }
  REQUIRE(older.expect<mqtt::Ack>());
  MqttClient newer(fixture.vehicle());
  REQUIRE((newer.open() && newer.connect(kVin)));
  REQUIRE(newer.publish(own("event/after"), "1"));
  const auto kept = fixture.custody.kept(Lane::event);
  REQUIRE(kept.back().topic == own("event/after"));
  for (std::size_t i = 0; i + 1 < kept.size(); ++i) CHECK(kept[i].epoch <= kept[i + 1].epoch);
}

TEST_CASE("a session and its subscription survive the gate, and the epoch rises") {
  GateFixture fixture;
  {
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin, false, 3'600)));
    CHECK(car.subscribe({own("cmd/#")}) == std::vector<std::uint8_t>{1});
  }
  fixture.restart();
  MqttClient car(fixture.vehicle());
  REQUIRE(car.open());
  const auto connack = car.connect(kVin, false, 3'600);
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->session_present);
  REQUIRE(test::wait_until([&] { return fixture.commands.all<broker::VehicleReady>().size() == 2; }, 2'000));
  const auto ready = fixture.commands.all<broker::VehicleReady>();
  CHECK(ready[1].epoch > ready[0].epoch);
  CHECK(fixture.commands.all<broker::VehicleGone>().size() == 1);
}

TEST_CASE("presence goes OFFLINE with its reason when the connection breaks or says DISCONNECT") {
  GateFixture fixture;
  {
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin)));
    car.abort_tcp();
  }
  REQUIRE(fixture.custody.wait_kept(Lane::event, 2));
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  REQUIRE(car.send(mqtt::Disconnect{}));
  REQUIRE(fixture.custody.wait_kept(Lane::event, 4));
  const auto seen = presence(fixture);
  REQUIRE(seen.size() == 4);
  CHECK(seen[1].reason == "CONNECTION_LOST");
  CHECK(seen[3].reason == "CLIENT_DISCONNECTED");
  CHECK(seen[3].edge == "edge-1");
}

TEST_CASE("an OFFLINE that the event lane refused is said once there is room, unless the vehicle is back") {
  GateFixture fixture;
  broker::PresenceSweep sweep({*fixture.sessions, fixture.custody, *fixture.gate, *fixture.registry, fixture.clock},
                              "edge-1", 0);
  MqttClient car(fixture.vehicle());
  MqttClient other(fixture.vehicle(test::kOtherVin));
  MqttClient back(fixture.vehicle(test::kOtherVin));
  REQUIRE((car.open() && car.connect(kVin)));
  REQUIRE((other.open() && other.connect(test::kOtherVin)));
  REQUIRE(fixture.custody.wait_kept(Lane::event, 2));
  fixture.custody.refuse(Lane::event, Reason::SPOOL_FULL);
  car.abort_tcp();
  other.abort_tcp();
  // Refused when they go, and again with each round: one a round, until there is room.
  REQUIRE(test::wait_until(
      [&] {
        sweep.tick();
        return fixture.custody.offered(Lane::event) >= 8;
      },
      5'000));
  CHECK(fixture.custody.kept(Lane::event).size() == 2);
  SECTION("both are gone") {
    fixture.custody.refuse(Lane::event, std::nullopt);
    REQUIRE(test::wait_until(
        [&] {
          sweep.tick();
          return presence(fixture).size() == 4;
        },
        5'000));
  }
  SECTION("one is back") {
    REQUIRE((back.open() && back.connect(test::kOtherVin)));
    fixture.custody.refuse(Lane::event, std::nullopt);
    REQUIRE(test::wait_until(
        [&] {
          sweep.tick();
          return presence(fixture).size() == 3;
        },
        5'000));
  }
  const auto late = [&] { return fixture.registry->counter("wayside_presence_late_total", "").value(); };
  const auto said = presence(fixture);
  REQUIRE(test::wait_until([&] { return late() == static_cast<double>(said.size() - 2); }, 5'000));
  for (int i = 0; i < 20; ++i) {  // what is told is not told again
    sweep.tick();
    std::promise<void> round;
    fixture.sessions->left(1, false, [&](const auto& /*left*/) { round.set_value(); });
    round.get_future().get();
  }
  CHECK(presence(fixture).size() == said.size());
  for (std::size_t i = 2; i < said.size(); ++i) {
    CHECK_FALSE(said[i].online);
    CHECK(said[i].reason == "CONNECTION_LOST");
    CHECK((said[i].epoch == said[0].epoch || said[i].epoch == said[1].epoch));
  }
}

TEST_CASE("a drain says SERVER_SHUTTING_DOWN after the last commit is acknowledged") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  fixture.custody.hold(Lane::bulk, true);
  mqtt::Publish packet;
  const std::string topic = own("bulk/log");
  packet.topic = topic;
  packet.qos = 1;
  packet.packet_id = 1;
  REQUIRE(car.send(packet));
  REQUIRE(test::wait_until([&] { return fixture.custody.waiting(Lane::bulk) == 1; }, 2'000));
  fixture.gate->drain(0);
  CHECK(car.silent_for(100));
  fixture.custody.hold(Lane::bulk, false);
  CHECK(car.expect<mqtt::Ack>());
  const auto bye = car.expect<mqtt::Disconnect>();
  REQUIRE(bye);
  CHECK(bye->get<mqtt::Disconnect>()->reason == 0x8B);
}

}  // namespace
}  // namespace wayside
