// Who gets through the handshake, and what a reload changes for those who are in.
#include <openssl/ssl.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <fstream>

#include "tests/broker/support/gate_fixture.h"

namespace wayside {
namespace {

using test::ClientOptions;
using test::GateFixture;
using test::kOtherVin;
using test::kVin;
using test::MqttClient;
using test::wait_until;

// Whether the client gets as far as an accepting CONNACK.
bool gets_in(const ClientOptions& options, std::string_view id = "") {
  MqttClient client(options);
  if (!client.open()) return false;
  const auto connack = client.connect(id);
  return connack && connack->get<mqtt::Connack>()->reason == 0;
}

ClientOptions with_pair(const GateFixture& fixture, const certs::Pair& pair) {
  ClientOptions options = fixture.vehicle();
  options.certificate = fixture.folder.write("odd.crt", pair.certificate_pem());
  options.key = fixture.folder.write("odd.key", pair.key_pem());
  return options;
}

certs::LeafProfile vehicle_profile(const std::string& vin = kVin) {
  certs::LeafProfile profile;
  profile.common_name = vin;
  profile.uris = {"urn:vin:" + vin};
  profile.client = true;
  return profile;
}

void refused_leaf(GateFixture& fixture, const certs::LeafProfile& profile, Reason reason) {
  const auto pair = certs::issue_leaf(fixture.pki->issuer(certs::Ca::vehicles), profile);
  REQUIRE(pair.ok());
  const double before = fixture.refusals("handshake", reason);
  CHECK_FALSE(gets_in(with_pair(fixture, pair.value())));
  CHECK(wait_until([&] { return fixture.refusals("handshake", reason) == before + 1; }, 2'000));
}

void replace(const std::string& path, const std::string& content) {
  std::ofstream(path + ".new") << content;
  std::filesystem::rename(path + ".new", path);
}

TEST_CASE("a vehicle gets in with its certificate, over TLS 1.3 and 1.2, with ALPN mqtt or none") {
  GateFixture fixture;
  CHECK(gets_in(fixture.vehicle()));
  ClientOptions older = fixture.vehicle();
  older.tls_version_max = TLS1_2_VERSION;
  CHECK(gets_in(older));
  ClientOptions named = fixture.vehicle();
  named.alpn = "mqtt";
  CHECK(gets_in(named));
  named.alpn = "h2";
  CHECK_FALSE(gets_in(named));
}

TEST_CASE("nobody gets in without a certificate or with one of another listener") {
  GateFixture fixture;
  ClientOptions nameless = fixture.vehicle();
  nameless.certificate.clear();
  CHECK_FALSE(gets_in(nameless));
  ClientOptions vehicle_as_service = fixture.vehicle();
  vehicle_as_service.port = fixture.gate->services_port();
  CHECK_FALSE(gets_in(vehicle_as_service));
  ClientOptions service_as_vehicle = fixture.service("region-app");
  service_as_vehicle.port = fixture.gate->vehicles_port();
  CHECK_FALSE(gets_in(service_as_vehicle));
  CHECK(gets_in(fixture.service("region-app")));
  CHECK(wait_until([&] { return fixture.refusals("handshake", Reason::CERTIFICATE_INVALID) >= 2; }, 2'000));
}

TEST_CASE("a leaf that is expired, of no id, of two ids or for servers only is refused with its reason") {
  GateFixture fixture;
  certs::LeafProfile profile = vehicle_profile();
  profile.validity = {-7'200, -3'600};
  refused_leaf(fixture, profile, Reason::CERTIFICATE_EXPIRED);
  profile = vehicle_profile();
  profile.uris.clear();
  refused_leaf(fixture, profile, Reason::CERTIFICATE_IDENTITY);
  profile = vehicle_profile();
  profile.uris.push_back(std::string("urn:vin:") + kOtherVin);
  refused_leaf(fixture, profile, Reason::CERTIFICATE_IDENTITY);
  refused_leaf(fixture, vehicle_profile("WVWZZZ1JZXW00000I"), Reason::CERTIFICATE_IDENTITY);
  profile = vehicle_profile();
  profile.client = false;
  profile.server = true;
  refused_leaf(fixture, profile, Reason::CERTIFICATE_INVALID);
}

TEST_CASE("a certificate that expires while its vehicle is connected ends the connection") {
  GateFixture fixture;
  certs::LeafProfile profile = vehicle_profile();
  profile.validity = {-300, 2};
  const auto pair = certs::issue_leaf(fixture.pki->issuer(certs::Ca::vehicles), profile);
  REQUIRE(pair.ok());
  MqttClient car(with_pair(fixture, pair.value()));
  REQUIRE(car.open());
  REQUIRE(car.connect(kVin));
  const auto bye = car.expect<mqtt::Disconnect>(4'000);
  REQUIRE(bye);
  CHECK(bye->get<mqtt::Disconnect>()->properties.reason_string == "CERTIFICATE_EXPIRED");
}

TEST_CASE("the client identifier must be the vehicle's id or empty") {
  GateFixture fixture;
  MqttClient named(fixture.vehicle());
  REQUIRE(named.open());
  const auto refused = named.connect(kOtherVin);
  REQUIRE(refused);
  CHECK(refused->get<mqtt::Connack>()->reason == 0x85);
  CHECK(named.closed());
  MqttClient nameless(fixture.vehicle());
  REQUIRE(nameless.open());
  const auto accepted = nameless.connect("");
  REQUIRE(accepted);
  CHECK(accepted->get<mqtt::Connack>()->properties.assigned_client_id == kVin);
}

TEST_CASE("a production configuration refuses a development CA at the start") {
  CHECK_THROWS(GateFixture([](broker::gate::GateOptions& options) { options.allow_development_ca = false; }));
}

TEST_CASE("a vehicle revoked while connected is closed by the watched CRL and does not come back") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  MqttClient other(fixture.vehicle(kOtherVin));
  REQUIRE((car.open() && car.connect(kVin) && other.open() && other.connect(kOtherVin)));
  REQUIRE(fixture.pki->revoke(std::string("vehicles/") + kVin + ".crt").ok());
  const auto bye = car.expect<mqtt::Disconnect>();
  REQUIRE(bye);
  CHECK(bye->get<mqtt::Disconnect>()->reason == 0x87);
  CHECK_FALSE(gets_in(fixture.vehicle()));
  CHECK(wait_until([&] { return fixture.refusals("handshake", Reason::REVOKED) == 1; }, 2'000));
  CHECK(other.publish(std::string("v1/") + kOtherVin + "/event/x", "1"));
}

TEST_CASE("a lower crlNumber and a broken file keep the old lists and raise an alarm until they are good") {
  GateFixture fixture;
  const std::string path = fixture.pki_path("crl/vehicles.crl");
  const std::string first = test::slurp(path);
  REQUIRE(fixture.pki->revoke(std::string("vehicles/") + kVin + ".crt").ok());
  REQUIRE(fixture.gate->reload().ok());
  const std::string second = test::slurp(path);
  metrics::Gauge& failing =
      fixture.registry->gauge("wayside_gate_reload_failing",
                              "1: the files on disk are bad and the older ones are in force", {{"what", "vehicles"}});
  replace(path, first);
  CHECK(wait_until([&] { return failing.value() == 1; }, 3'000));
  CHECK_FALSE(gets_in(fixture.vehicle()));
  replace(path, "no list at all\n");
  const auto forced = fixture.gate->reload();
  REQUIRE_FALSE(forced.ok());
  CHECK(forced.error().what.find("vehicles.crl") != std::string::npos);
  CHECK_FALSE(gets_in(fixture.vehicle()));
  CHECK(gets_in(fixture.vehicle(kOtherVin)));
  replace(path, second);
  CHECK(wait_until([&] { return failing.value() == 0; }, 3'000));
}

TEST_CASE("a CRL past its nextUpdate stays in force and locks nobody else out, at a start and at a reload") {
  GateFixture fixture;
  const std::string path = fixture.pki_path("crl/vehicles.crl");
  REQUIRE(fixture.pki->revoke(std::string("vehicles/") + kVin + ".crt").ok());
  const auto stale = certs::next_crl(fixture.pki->issuer(certs::Ca::vehicles), test::slurp(path), nullptr, -1);
  REQUIRE(stale.ok());
  REQUIRE(certs::read_crl(*stale)->next_update < os::rfc3339(fixture.clock.wall()));
  const bool restarted = GENERATE(false, true);
  CAPTURE(restarted);
  replace(path, *stale);
  if (restarted) {
    fixture.restart();
  } else {
    REQUIRE(fixture.gate->reload().ok());
  }
  CHECK_FALSE(gets_in(fixture.vehicle()));     // revocation wins, however old it is
  CHECK(gets_in(fixture.vehicle(kOtherVin)));  // seen by nobody before
}

TEST_CASE("a bundle or a list of several that is cut short is bad as a whole, wherever it was cut") {
  GateFixture fixture;
  const std::string path = fixture.pki_path(GENERATE("ca/vehicles.crt", "crl/vehicles.crl"));
  CAPTURE(path);
  const std::string one = test::slurp(path);
  replace(path, one + one);
  REQUIRE(fixture.gate->reload().ok());
  // In the second: in its text, in its last line, in its first line.
  for (const std::size_t cut : {one.size() + one.size() / 2, 2 * one.size() - 8, one.size() + 14}) {
    CAPTURE(cut);
    replace(path, (one + one).substr(0, cut));
    CHECK_FALSE(fixture.gate->reload().ok());
  }
  replace(path, one);
  CHECK(fixture.gate->reload().ok());
}

TEST_CASE("a server certificate that swaps behind a symlink is served to the next connection") {
  GateFixture* used = nullptr;
  std::string link;
  GateFixture fixture([&](broker::gate::GateOptions& options) {
    const std::string folder = std::filesystem::path(options.vehicles.certificate).parent_path();
    std::filesystem::copy(folder, folder + ".one");
    link = folder + ".data";
    std::filesystem::create_directory_symlink(folder + ".one", link);
    options.vehicles.certificate = link + "/server.crt";
    options.vehicles.key = link + "/server.key";
  });
  used = &fixture;
  const auto serial = [&] {
    MqttClient client(used->vehicle());
    REQUIRE(client.open());
    X509* certificate = SSL_get1_peer_certificate(client.ssl());
    const ASN1_INTEGER* number = X509_get0_serialNumber(certificate);
    std::string text(reinterpret_cast<const char*>(number->data), static_cast<std::size_t>(number->length));
    X509_free(certificate);
    return text;
  };
  const std::string before = serial();
  REQUIRE(fixture.pki->issue_edge("edge-1").ok());
  const std::string folder = fixture.pki_path("edge/edge-1");
  std::filesystem::create_directory_symlink(folder, link + ".new");
  std::filesystem::rename(link + ".new", link);
  CHECK(wait_until([&] { return serial() != before; }, 3'000));
}

TEST_CASE("a blocked vehicle is closed, told at its next CONNECT, and let in again when unblocked") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  REQUIRE(fixture.gate->block(kVin).ok());
  const auto bye = car.expect<mqtt::Disconnect>();
  REQUIRE(bye);
  CHECK(bye->get<mqtt::Disconnect>()->properties.reason_string == "BLOCKED");
  MqttClient again(fixture.vehicle());
  REQUIRE(again.open());
  const auto refused = again.connect(kVin);
  REQUIRE(refused);
  CHECK(refused->get<mqtt::Connack>()->reason == 0x8A);
  CHECK(test::slurp(fixture.folder / "deny") == std::string(kVin) + "\n");
  REQUIRE(fixture.gate->unblock(kVin).ok());
  CHECK(gets_in(fixture.vehicle(), kVin));
}

TEST_CASE("the deny list is watched, and one bad line keeps the whole old list") {
  GateFixture fixture;
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open() && car.connect(kVin)));
  replace(fixture.folder / "deny", std::string("# stolen\n") + kVin + "  # since Monday\n");
  CHECK(car.expect<mqtt::Disconnect>());
  replace(fixture.folder / "deny", "not an id!\n");
  CHECK_FALSE(fixture.gate->reload().ok());
  CHECK_FALSE(gets_in(fixture.vehicle(), kVin));
  CHECK_FALSE(fixture.gate->block("not an id!").ok());
}

TEST_CASE("a deny list that goes away blocks on whom it blocked, with an alarm, until there is one again") {
  GateFixture fixture;
  const std::string path = fixture.folder / "deny";
  CHECK(fixture.gate->reload().ok());  // none yet: nobody has been blocked
  replace(path, std::string(kVin) + "\n");
  REQUIRE(fixture.gate->reload().ok());
  std::filesystem::remove(path);
  CHECK_FALSE(fixture.gate->reload().ok());
  CHECK_FALSE(gets_in(fixture.vehicle(), kVin));
  replace(path, "");
  CHECK(fixture.gate->reload().ok());
  CHECK(gets_in(fixture.vehicle(), kVin));
}

TEST_CASE("the end of a revocation list is shown as a date of its own") {
  GateFixture fixture;
  metrics::Gauge& ends = fixture.registry->gauge("wayside_crl_next_update_timestamp_seconds",
                                                 "When the revocation list of a listener ends; the first of several.",
                                                 {{"use", "vehicles"}});
  const auto now = static_cast<double>(fixture.clock.wall().value) / 1000.0;
  CHECK(ends.value() > now + 86'400);
  const std::string path = fixture.pki_path("crl/vehicles.crl");
  const auto stale = certs::next_crl(fixture.pki->issuer(certs::Ca::vehicles), test::slurp(path), nullptr, -1);
  REQUIRE(stale.ok());
  replace(path, *stale);
  REQUIRE(fixture.gate->reload().ok());
  CHECK(ends.value() < now);
}

}  // namespace
}  // namespace wayside
