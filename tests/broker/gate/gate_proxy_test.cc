// Broadcast and ordinary topics through a real local broker, and what its death costs.
#include <catch2/catch_test_macros.hpp>
#include <csignal>

#include "broker/localbroker/local_broker.h"
#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::GateFixture;
using test::kVin;
using test::MqttClient;

std::string own(const std::string& rest) { return std::string("v1/") + kVin + "/" + rest; }
std::string ordinary(const std::string& rest) { return std::string("x/") + kVin + "/" + rest; }

// A managed Mosquitto and the gate in front of it. tick() is called where the test waits.
struct Edge {
  Edge() {
    REQUIRE(local.start().ok());
    REQUIRE(wait([&] { return local.up(); }));
    fixture =
        std::make_unique<GateFixture>([](broker::gate::GateOptions& options) { options.ordinary = true; }, &local);
  }
  ~Edge() {
    fixture.reset();
    local.stop(2'000);
  }
  bool wait(const std::function<bool()>& predicate, int ms = 10'000) {
    return test::wait_until(
        [&] {
          local.tick();
          return predicate();
        },
        ms);
  }
  test::TempDir folder{"edge"};
  std::unique_ptr<metrics::Registry> registry = metrics::Registry::create();
  os::SystemClock clock;
  broker::LocalBroker local{{.socket = folder / "lb/mqtt.sock", .state_dir = folder / "state"}, *registry, clock};
  std::unique_ptr<GateFixture> fixture;
};

bool publish_from(MqttClient& client, const std::string& topic, std::uint16_t id = 3) {
  const auto ack = client.publish(topic, "news", id);
  return ack && ack->reason < 0x80;
}

TEST_CASE("broadcast and ordinary messages cross the local broker both ways") {
  Edge edge;
  MqttClient car(edge.fixture->vehicle());
  MqttClient app(edge.fixture->service("region-app"));
  REQUIRE((car.open() && car.connect(kVin) && app.open() && app.connect("app")));
  REQUIRE(car.subscribe({"b/all/#", ordinary("down/#")}) == std::vector<std::uint8_t>{1, 1});
  REQUIRE(app.subscribe({"x/+/up"}) == std::vector<std::uint8_t>{1});
  REQUIRE(publish_from(app, "b/all/news"));
  const auto broadcast = car.expect<mqtt::Publish>();
  REQUIRE(broadcast);
  CHECK(broadcast->get<mqtt::Publish>()->topic == "b/all/news");
  CHECK(broadcast->get<mqtt::Publish>()->qos == 1);
  CHECK(car.send(mqtt::Ack{mqtt::AckKind::puback, broadcast->get<mqtt::Publish>()->packet_id, 0, {}}));
  REQUIRE(publish_from(car, ordinary("up")));
  const auto arrived = app.expect<mqtt::Publish>();
  REQUIRE(arrived);
  CHECK(arrived->get<mqtt::Publish>()->topic == ordinary("up"));
}

TEST_CASE("the death of the local broker costs v1 traffic nothing and its subscriptions come back by themselves") {
  Edge edge;
  MqttClient plain(edge.fixture->vehicle(test::kOtherVin));
  MqttClient car(edge.fixture->vehicle());
  MqttClient app(edge.fixture->service("region-app"));
  REQUIRE((plain.open() && plain.connect(test::kOtherVin) && car.open() && car.connect(kVin) && app.open() &&
           app.connect("app")));
  REQUIRE(car.subscribe({"b/all/#"}) == std::vector<std::uint8_t>{1});
  REQUIRE(::kill(edge.local.pid(), SIGKILL) == 0);
  for (std::uint16_t id = 1; id <= 20; ++id) {
    CHECK(car.publish(own("event/x"), "1", id));
    CHECK(plain.publish(std::string("v1/") + test::kOtherVin + "/event/x", "1", id));
  }
  REQUIRE(edge.wait([&] { return edge.local.up(); }));
  std::uint16_t id = 100;
  const bool heard = edge.wait(
      [&] {
        publish_from(app, "b/all/news", ++id);
        const auto arrived = car.receive(200);
        return arrived && arrived->get<mqtt::Publish>() != nullptr;
      },
      15'000);
  CHECK(heard);
  CHECK(car.publish(own("event/x"), "1", 90));
}

}  // namespace
}  // namespace wayside
