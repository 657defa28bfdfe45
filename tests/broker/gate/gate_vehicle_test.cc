// What the gate can tell an operator of one vehicle: how it is connected, and what it was refused.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>

#include "tests/broker/support/gate_fixture.h"
#include "tests/broker/support/proxy_header.h"

namespace wayside {
namespace {

using broker::gate::ConnectionReport;
using broker::gate::Refusal;
using broker::gate::RefusalLog;
using test::GateFixture;
using test::kOtherVin;
using test::kVin;
using test::MqttClient;
using test::wait_until;

std::optional<ConnectionReport> report_of(GateFixture& fixture, const std::string& vehicle) {
  auto answer = std::make_shared<std::promise<std::optional<ConnectionReport>>>();
  auto future = answer->get_future();
  fixture.gate->describe(vehicle, [answer](std::optional<ConnectionReport> report) { answer->set_value(report); });
  REQUIRE(future.wait_for(std::chrono::seconds(5)) == std::future_status::ready);
  return future.get();
}

// "stage REASON count" of each, the newest first.
std::vector<std::string> refusals_of(const GateFixture& fixture, const std::string& vehicle) {
  std::vector<std::string> out;
  for (const Refusal& one : fixture.gate->refusals_of(vehicle)) {
    out.push_back(std::string(one.stage) + " " + std::string(code(one.reason)) + " " + std::to_string(one.count));
  }
  return out;
}
using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("a connected vehicle is described: since when, from where, by which certificate, with what in its session") {
  const auto tls_version_max = GENERATE(0x0303, 0x0304);
  GateFixture fixture;
  CHECK_FALSE(report_of(fixture, kVin));
  auto options = fixture.vehicle(kVin, mqtt::Version::v311);
  options.tls_version_max = tls_version_max;
  const WallMs before = fixture.clock.wall();
  Bytes session;
  {
    MqttClient car(options);
    REQUIRE((car.open() && car.connect(kVin)));
    CHECK(car.subscribe({std::string("v1/") + kVin + "/cmd/#"}) == std::vector<std::uint8_t>{1});
    const auto report = report_of(fixture, kVin);
    REQUIRE(report);
    CHECK(report->since.value >= before.value - 5);
    CHECK(report->since <= fixture.clock.wall());
    REQUIRE(report->from);
    CHECK(to_string(report->from->address) == "127.0.0.1");
    CHECK(report->tls == (tls_version_max == 0x0303 ? "TLSv1.2" : "TLSv1.3"));
    CHECK_FALSE(report->resumed);
    REQUIRE(report->leaf);
    CHECK_FALSE(report->leaf->serial.empty());
    CHECK(report->leaf->issuer.find("CN=") != std::string::npos);
    CHECK(report->not_after > fixture.clock.wall());
    CHECK(report->cohort == "2024-compact");
    CHECK(report->figures.version == mqtt::Version::v311);
    CHECK(report->figures.keep_alive_s == 60);
    CHECK(report->figures.subscriptions == 1);
    session = car.tls_session();
    const std::string serial = report->leaf->serial;
    // A vehicle that comes back without a full handshake is known by the same certificate.
    options.tls_session = session;
    MqttClient back(options);
    REQUIRE((back.open() && back.connect(kVin)));
    const auto again = report_of(fixture, kVin);
    REQUIRE(again);
    CHECK(again->resumed == back.resumed());
    CHECK(back.resumed());
    REQUIRE(again->leaf);
    CHECK(again->leaf->serial == serial);
  }
  CHECK(wait_until([&] { return !report_of(fixture, kVin); }, 5'000));
  CHECK_FALSE(report_of(fixture, kOtherVin));
}

TEST_CASE("what a vehicle is refused is remembered by name with its reason, its number and where it came from") {
  GateFixture fixture;
  {
    MqttClient car(fixture.vehicle());
    REQUIRE((car.open() && car.connect(kVin)));
    for (std::uint16_t id = 1; id <= 3; ++id) {
      CHECK(car.publish(std::string("v1/") + kOtherVin + "/state/x", "1", id)->reason == 0x87);
    }
  }
  CHECK(refusals_of(fixture, kVin) == Words{"publish NOT_AUTHORIZED 3"});
  {
    MqttClient car(fixture.vehicle());
    REQUIRE(car.open());
    CHECK(car.connect(kOtherVin)->get<mqtt::Connack>()->reason == 0x85);
  }
  CHECK(refusals_of(fixture, kVin) == Words{"connect VEHICLE_ID_MISMATCH 1", "publish NOT_AUTHORIZED 3"});
  REQUIRE(fixture.gate->block(kVin).ok());
  CHECK(fixture.gate->blocked(kVin));
  {
    MqttClient car(fixture.vehicle());
    REQUIRE(car.open());
    CHECK(car.connect(kVin)->get<mqtt::Connack>()->reason == 0x8A);
  }
  const auto refusals = fixture.gate->refusals_of(kVin);
  REQUIRE(refusals.size() == 3);
  CHECK(refusals[0].reason == Reason::BLOCKED);
  REQUIRE(refusals[0].from);
  CHECK(to_string(refusals[0].from->address) == "127.0.0.1");
  CHECK(refusals[0].last >= refusals[0].first);
  CHECK(refusals_of(fixture, kOtherVin).empty());  // who was named in a packet was not there
}

TEST_CASE("a vehicle that no handshake lets in is remembered too, where its certificate was of our CA") {
  GateFixture fixture;
  certs::LeafProfile profile;
  profile.common_name = kVin;
  profile.uris = {std::string("urn:vin:") + kVin};
  profile.client = true;
  const auto refused = [&](const certs::Pair& pair) {
    auto options = fixture.vehicle();
    options.certificate = fixture.folder.write("odd.crt", pair.certificate_pem());
    options.key = fixture.folder.write("odd.key", pair.key_pem());
    MqttClient car(options);
    CHECK((!car.open() || !car.connect(kVin)));
  };
  profile.validity = {-7'200, -3'600};
  const auto expired = certs::issue_leaf(fixture.pki->issuer(certs::Ca::vehicles), profile);
  REQUIRE(expired.ok());
  refused(*expired);
  CHECK(wait_until([&] { return refusals_of(fixture, kVin) == Words{"handshake CERTIFICATE_EXPIRED 1"}; }, 2'000));
  // Anybody can make a certificate that names a vehicle and has expired.
  const auto foreign = certs::issue_leaf(fixture.pki->issuer(certs::Ca::services), profile);
  REQUIRE(foreign.ok());
  refused(*foreign);
  CHECK(wait_until([&] { return fixture.refusals("handshake", Reason::CERTIFICATE_INVALID) == 1; }, 2'000));
  CHECK(refusals_of(fixture, kVin) == Words{"handshake CERTIFICATE_EXPIRED 1"});
}

TEST_CASE("behind a balancer a vehicle is told to come from where the header says") {
  GateFixture fixture([](broker::gate::GateOptions& options) {
    options.proxy = {true, {broker::proxyheader::parse_network("127.0.0.1/32").value()}};
  });
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open_tcp() && car.send_tcp(test::proxy_header("2001:db8::7", 40'001))));
  REQUIRE((car.shake_hands() && car.connect(kVin)));
  CHECK(car.publish(std::string("v1/") + kOtherVin + "/state/x", "1")->reason == 0x87);
  const auto report = report_of(fixture, kVin);
  REQUIRE((report && report->from));
  CHECK(to_string(*report->from) == "[2001:db8::7]:40001");
  REQUIRE(fixture.gate->refusals_of(kVin).size() == 1);
  CHECK(to_string(fixture.gate->refusals_of(kVin)[0].from.value()) == "[2001:db8::7]:40001");
  MqttClient checked(fixture.vehicle(kOtherVin));
  REQUIRE((checked.open_tcp() && checked.send_tcp(test::proxy_local(0))));
  REQUIRE((checked.shake_hands() && checked.connect(kOtherVin)));
  const auto local = report_of(fixture, kOtherVin);
  REQUIRE((local && local->from));
  CHECK(to_string(local->from->address) == "127.0.0.1");
}

TEST_CASE("refusals are bounded, and who is refused without end takes no place of others") {
  RefusalLog log(4);
  log.note("A", "connect", Reason::BLOCKED, {1}, {});
  for (int i = 0; i < 1'000; ++i) log.note("flood", "publish", Reason::NOT_AUTHORIZED, {10 + i}, {});
  REQUIRE(log.of("A").size() == 1);
  REQUIRE(log.of("flood").size() == 1);
  CHECK(log.of("flood")[0].count == 1'000);
  CHECK(log.of("flood")[0].first == WallMs{10});
  CHECK(log.of("flood")[0].last == WallMs{1'009});
  log.note("A", "publish", Reason::NOT_AUTHORIZED, {2'000}, {});
  log.note("A", "connect", Reason::BLOCKED, {2'001}, {});
  log.note("B", "connect", Reason::BLOCKED, {2'002}, {});
  log.note("C", "connect", Reason::BLOCKED, {2'003}, {});  // the fifth: what was added to longest ago goes
  CHECK(log.of("flood").empty());
  REQUIRE(log.of("A").size() == 2);
  CHECK(log.of("A")[0].reason == Reason::BLOCKED);  // the newest first
  CHECK(log.of("A")[0].count == 2);
  CHECK(log.of("B").size() == 1);
  RefusalLog none(0);
  none.note("A", "connect", Reason::BLOCKED, {1}, {});
  CHECK(none.of("A").empty());
}

}  // namespace wayside
