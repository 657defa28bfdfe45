// Presence across the death of a real wayside-broker.
#include <catch2/catch_test_macros.hpp>

#include "common/metrics/samples.h"
#include "fleet/admin.h"
#include "schemas/messages.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

ClientOptions client(const EdgeFixture& edge, const std::string& vehicle) {
  ClientOptions options;
  options.port = static_cast<int>(edge.port("vehicles"));
  options.ca = edge.dir() / "pki/ca/links.crt";
  options.certificate = edge.dir() / ("pki/vehicles/" + vehicle + ".crt");
  options.key = edge.dir() / ("pki/vehicles/" + vehicle + ".key");
  return options;
}

struct Said {
  std::uint64_t epoch = 0;
  std::string reason;
  auto operator<=>(const Said&) const = default;
};

// What the event lane holds of the vehicle, in order.
std::vector<Said> said_of(const EdgeFixture& edge, const std::string& vehicle, bool online) {
  std::vector<Said> out;
  for (const EdgeFixture::Stored& record : edge.records(Lane::event)) {
    const auto presence = schemas::parse_presence(as_bytes(record.payload));
    if (record.vehicle != vehicle || !presence.ok() || presence.value().online != online) continue;
    out.push_back({presence.value().epoch, presence.value().reason});
  }
  return out;
}

double swept(const EdgeFixture& edge) {
  Result<fleet::HttpReply> reply = fleet::http_get(static_cast<int>(edge.port("metrics")), "/metrics");
  REQUIRE(reply.ok());
  return metrics::Samples::parse(reply->body).sum("wayside_presence_after_restart_total");
}

}  // namespace

TEST_CASE("Broker: vehicles that a killed process left ONLINE and that do not come back are OFFLINE after the grace") {
  EdgeFixture edge;
  edge.start();
  MqttClient car(client(edge, kVehicle));
  MqttClient other(client(edge, kOther));
  REQUIRE((car.open() && car.connect(kVehicle) && other.open() && other.connect(kOther)));
  REQUIRE(wait_until([&] { return said_of(edge, kVehicle, true).size() + said_of(edge, kOther, true).size() == 2; },
                     5'000));
  const std::uint64_t lost_epoch = said_of(edge, kVehicle, true).back().epoch;
  edge.broker().kill_now();

  edge.start({"vehicles.presence_grace_s=5"});
  MqttClient back(client(edge, kOther));
  REQUIRE((back.open() && back.connect(kOther)));
  CHECK(said_of(edge, kVehicle, false).empty());  // it has its time
  REQUIRE(wait_until([&] { return !said_of(edge, kVehicle, false).empty(); }, 15'000));
  CHECK(said_of(edge, kVehicle, false) == std::vector<Said>{{lost_epoch, "EDGE_RESTARTED"}});
  CHECK(said_of(edge, kOther, false).empty());
  // A CONNECT that is answered after the sweep is committed behind its mark: the next death finds nothing left of it.
  REQUIRE(wait_until([&] { return swept(edge) == 1; }, 5'000));
  MqttClient again(client(edge, kOther));
  REQUIRE((again.open() && again.connect(kOther)));
  REQUIRE(wait_until([&] { return said_of(edge, kOther, true).size() == 3; }, 5'000));
  const std::vector<Said> before = said_of(edge, kOther, false);
  const std::uint64_t again_epoch = said_of(edge, kOther, true).back().epoch;
  edge.broker().kill_now();

  edge.start({"vehicles.presence_grace_s=1"});
  REQUIRE(wait_until([&] { return said_of(edge, kOther, false).size() > before.size(); }, 15'000));
  CHECK(said_of(edge, kOther, false).back() == Said{again_epoch, "EDGE_RESTARTED"});
  CHECK(said_of(edge, kVehicle, false).size() == 1);
}

}  // namespace wayside::test
