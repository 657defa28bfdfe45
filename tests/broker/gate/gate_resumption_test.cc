// Vehicles that come back with a TLS session, and what must not be taken from them.
#include <openssl/ssl.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::ClientOptions;
using test::GateFixture;
using test::kOtherVin;
using test::kVin;
using test::MqttClient;
using test::wait_until;

enum class Came { refused, full, resumed };

// Connects, up to an accepting CONNACK. `options` then hold the session for the next time.
Came come(ClientOptions& options) {
  MqttClient client(options);
  if (!client.open()) return Came::refused;
  const auto connack = client.connect("");
  if (!connack || connack->get<mqtt::Connack>()->reason != 0) return Came::refused;
  options.tls_session = client.tls_session();
  return client.resumed() ? Came::resumed : Came::full;
}

double handshakes(const GateFixture& fixture, const char* kind) {
  return fixture.registry->counter("wayside_gate_handshakes_total", "TLS handshakes that ended well", {{"kind", kind}})
      .value();
}

double tickets(const GateFixture& fixture, const char* outcome) {
  return fixture.registry
      ->counter("wayside_gate_tickets_total", "TLS sessions that vehicles came back with", {{"outcome", outcome}})
      .value();
}

double kept(const GateFixture& fixture) {
  return fixture.registry->gauge("wayside_gate_tls_sessions", "TLS sessions kept for vehicles that come back").value();
}

ClientOptions of_version(const GateFixture& fixture, int version, const std::string& vin = kVin) {
  ClientOptions options = fixture.vehicle(vin);
  options.tls_version_max = version;
  return options;
}

ClientOptions short_lived(const GateFixture& fixture, int version, int seconds) {
  certs::LeafProfile profile;
  profile.common_name = kVin;
  profile.uris = {std::string("urn:vin:") + kVin};
  profile.client = true;
  profile.validity = {-300, seconds};
  const auto pair = certs::issue_leaf(fixture.pki->issuer(certs::Ca::vehicles), profile);
  REQUIRE(pair.ok());
  ClientOptions options = of_version(fixture, version);
  options.certificate = fixture.folder.write("short.crt", pair.value().certificate_pem());
  options.key = fixture.folder.write("short.key", pair.value().key_pem());
  return options;
}

void append_ca(const GateFixture& fixture, const std::string& ca) {
  const std::string path = fixture.pki_path("ca/vehicles.crt");
  std::ofstream(path + ".new") << test::slurp(path) << test::slurp(fixture.pki_path(ca));
  std::filesystem::rename(path + ".new", path);
}

int tls_version() { return GENERATE(TLS1_3_VERSION, TLS1_2_VERSION); }

TEST_CASE("a vehicle that comes back is resumed, again and again, as itself") {
  const int version = tls_version();
  GateFixture fixture;
  ClientOptions car = of_version(fixture, version);
  ClientOptions other = of_version(fixture, version, kOtherVin);
  CHECK(come(car) == Came::full);
  CHECK(come(other) == Came::full);
  for (int i = 0; i < 3; ++i) CHECK(come(car) == Came::resumed);
  MqttClient again(other);
  REQUIRE(again.open());
  CHECK(again.resumed());
  const auto connack = again.connect("");
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->properties.assigned_client_id == kOtherVin);
  const auto own = again.publish(std::string("v1/") + kOtherVin + "/event/x", "1");
  REQUIRE(own);
  CHECK(own->reason == 0);
  CHECK(handshakes(fixture, "full") == 2);
  CHECK(handshakes(fixture, "resumed") == 4);
  CHECK(wait_until([&] { return kept(fixture) == 2; }, 2'000));
}

TEST_CASE("a vehicle whose connection broke without a word is resumed") {
  GateFixture fixture;
  ClientOptions car = of_version(fixture, tls_version());
  {
    MqttClient client(car);
    REQUIRE((client.open() && client.connect(kVin)));
    car.tls_session = client.tls_session();
    client.abort_tcp();
  }
  CHECK(come(car) == Came::resumed);
}

TEST_CASE("a vehicle revoked between handshake and resumption is refused, its neighbour is resumed") {
  GateFixture fixture;
  const int version = tls_version();
  ClientOptions car = of_version(fixture, version);
  ClientOptions other = of_version(fixture, version, kOtherVin);
  REQUIRE(come(car) == Came::full);
  REQUIRE(come(other) == Came::full);
  REQUIRE(fixture.pki->revoke(std::string("vehicles/") + kVin + ".crt").ok());
  REQUIRE(fixture.gate->reload().ok());
  CHECK(come(car) == Came::refused);
  CHECK(tickets(fixture, "revoked") == 1);
  CHECK(wait_until([&] { return fixture.refusals("handshake", Reason::REVOKED) == 1; }, 2'000));
  CHECK(come(other) == Came::resumed);
}

TEST_CASE("a vehicle blocked between handshake and resumption is not resumed and is refused") {
  GateFixture fixture;
  ClientOptions car = of_version(fixture, tls_version());
  REQUIRE(come(car) == Came::full);
  REQUIRE(fixture.gate->block(kVin).ok());
  MqttClient blocked(car);
  REQUIRE(blocked.open());
  CHECK_FALSE(blocked.resumed());
  const auto refused = blocked.connect(kVin);
  REQUIRE(refused);
  CHECK(refused->get<mqtt::Connack>()->reason == 0x8A);
  CHECK(tickets(fixture, "blocked") == 1);
}

TEST_CASE("a session older than the CA bundle leads to a full handshake, one older than a forced reload does not") {
  GateFixture fixture;
  ClientOptions car = of_version(fixture, tls_version());
  REQUIRE(come(car) == Came::full);
  REQUIRE(fixture.gate->reload().ok());
  CHECK(come(car) == Came::resumed);
  append_ca(fixture, "ca/services.crt");
  REQUIRE(fixture.gate->reload().ok());
  CHECK(come(car) == Came::full);
  CHECK(tickets(fixture, "other_trust") == 1);
  CHECK(come(car) == Came::resumed);
}

TEST_CASE("the session of a CA that is gone from the bundle does not get its vehicle in") {
  GateFixture fixture([](broker::gate::GateOptions& options) { options.vehicles.crl.clear(); });
  ClientOptions car = of_version(fixture, tls_version());
  REQUIRE(come(car) == Came::full);
  std::filesystem::copy_file(fixture.pki_path("ca/services.crt"), fixture.pki_path("ca/vehicles.crt"),
                             std::filesystem::copy_options::overwrite_existing);
  REQUIRE(fixture.gate->reload().ok());
  CHECK(come(car) == Came::refused);
  CHECK(tickets(fixture, "other_trust") == 1);
}

TEST_CASE("renewing a session does not carry it past the lifetime of its full handshake") {
  using namespace std::chrono_literals;
  constexpr auto kLifetime = 2s;
  GateFixture fixture([](broker::gate::GateOptions& options) { options.tls_session_lifetime_s = 2; });
  ClientOptions car = of_version(fixture, tls_version());
  const auto began = std::chrono::steady_clock::now();
  REQUIRE(come(car) == Came::full);
  const auto proven = std::chrono::steady_clock::now();
  Came last = Came::resumed;
  int resumed = 0;
  while (last == Came::resumed && std::chrono::steady_clock::now() < proven + 2 * kLifetime) {
    last = come(car);
    if (last == Came::resumed) ++resumed;
  }
  CHECK(last == Came::full);
  CHECK(resumed > 0);
  CHECK(std::chrono::steady_clock::now() >= began + kLifetime - 1s);  // OpenSSL's client counts whole seconds
}

TEST_CASE("the session of a leaf that has expired since does not get its vehicle in") {
  GateFixture fixture;
  ClientOptions car = short_lived(fixture, tls_version(), 2);
  REQUIRE(come(car) == Came::full);
  Came last = Came::resumed;
  CHECK(wait_until(
      [&] {
        last = come(car);
        return last != Came::resumed;
      },
      5'000));
  CHECK(last == Came::refused);
  CHECK(fixture.refusals("handshake", Reason::CERTIFICATE_EXPIRED) == 1);
}

TEST_CASE("services are given no session, and the session of a vehicle is worth nothing to them") {
  const int version = tls_version();
  GateFixture fixture;
  ClientOptions service = fixture.service("region-app");
  service.tls_version_max = version;
  CHECK(come(service) == Came::full);
  CHECK(come(service) == Came::full);
  ClientOptions car = of_version(fixture, version);
  REQUIRE(come(car) == Came::full);
  ClientOptions crossed = service;
  crossed.tls_session = car.tls_session;
  CHECK(come(crossed) == Came::full);
  crossed = car;
  crossed.port = fixture.gate->services_port();
  CHECK(come(crossed) == Came::refused);
  crossed = car;
  crossed.tls_session = service.tls_session;
  CHECK(come(crossed) == Came::full);
  CHECK(handshakes(fixture, "resumed") == 0);
}

TEST_CASE("an unknown session and one of a gate before the restart lead to a full handshake") {
  GateFixture fixture;
  ClientOptions car = of_version(fixture, tls_version());
  REQUIRE(come(car) == Came::full);
  fixture.restart();
  car.port = fixture.gate->vehicles_port();
  CHECK(come(car) == Came::full);
  CHECK(tickets(fixture, "unknown") == 1);
  CHECK(come(car) == Came::resumed);
}

TEST_CASE("whoever knows a session's name but not its secret is not let in by it") {
  GateFixture fixture;
  const int version = tls_version();
  ClientOptions car = of_version(fixture, version);
  REQUIRE(come(car) == Came::full);
  const unsigned char* at = car.tls_session.data();
  SSL_SESSION* session = d2i_SSL_SESSION(nullptr, &at, static_cast<long>(car.tls_session.size()));
  Bytes key(SSL_SESSION_get_master_key(session, nullptr, 0));
  SSL_SESSION_get_master_key(session, key.data(), key.size());
  key.front() ^= 1U;
  REQUIRE(SSL_SESSION_set1_master_key(session, key.data(), key.size()) == 1);
  ClientOptions thief = car;
  thief.certificate.clear();
  thief.tls_session.resize(static_cast<std::size_t>(i2d_SSL_SESSION(session, nullptr)));
  unsigned char* put = thief.tls_session.data();
  i2d_SSL_SESSION(session, &put);
  SSL_SESSION_free(session);
  CHECK(come(thief) == Came::refused);
  CHECK(come(car) != Came::refused);
}

}  // namespace
}  // namespace wayside
