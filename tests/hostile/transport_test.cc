// Peers that attack below MQTT, or never get as far.
#include <openssl/ssl.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "tests/broker/support/proxy_header.h"
#include "tests/hostile/hostile_region.h"

namespace wayside::test {
namespace {

using mqtt::Version;

// The server said no: in TLS 1.3 only the first read tells.
bool turned_away(const ClientOptions& options) {
  MqttClient client(options);
  if (!client.open()) return true;
  return !client.connect("");
}

}  // namespace

TEST_CASE("Hostile: a certificate opens the listener it is for and no other") {
  HostileRegion region;
  const double before = region.refusals("handshake", "CERTIFICATE_INVALID");
  int at_the_edge = 0;
  region.commands_stay_fast_during([&] {
    const std::string vehicle = "vehicles/" + region.rogue();
    const std::string service = std::string("services/") + fleet::kRegionApp;
    CHECK(turned_away(region.client(vehicle, region.ports().services, Version::v5)));
    CHECK(turned_away(region.client(service, region.ports().vehicles, Version::v5)));
    at_the_edge += 2;
    for (const int core : {region.ports().core_services, region.ports().core_links}) {
      CHECK(turned_away(region.client(vehicle, core, Version::v5)));
    }
    CHECK(turned_away(region.client(service, region.ports().core_links, Version::v5)));
  });
  CHECK(region.refusals("handshake", "CERTIFICATE_INVALID") - before == at_the_edge);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: a KeyUpdate flood ends its connection") {
  HostileRegion region;
  const double before = region.refusals("tls", "HANDSHAKE_FAILED");
  int ended = 0;
  region.commands_stay_fast_during([&] {
    MqttClient client(region.rogue_client());
    REQUIRE((client.open() && client.connect(region.rogue())));
    Bytes ping;
    mqtt::encode(mqtt::Pingreq{}, Version::v5, ping);
    bool alive = true;
    for (int i = 0; i < 400 && alive; ++i) {
      alive = SSL_key_update(client.ssl(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1 && client.send_raw(ping);
    }
    while (client.receive(2'000)) {
    }
    ++ended;
  });
  CHECK(region.refusals("tls", "HANDSHAKE_FAILED") - before == ended);
  region.nothing_is_lost();
}

TEST_CASE("Hostile: slow loris at every stage is closed by its timeout") {
  setenv("WAYSIDE_BROKER__VEHICLES__HANDSHAKE_MS_MAX", "1000", 1);
  setenv("WAYSIDE_BROKER__VEHICLES__CONNECT_MS_MAX", "1000", 1);
  HostileRegion region;
  unsetenv("WAYSIDE_BROKER__VEHICLES__HANDSHAKE_MS_MAX");
  unsetenv("WAYSIDE_BROKER__VEHICLES__CONNECT_MS_MAX");
  constexpr int kEach = 100;
  int rounds = 0;
  const double handshake_before = region.refusals("handshake", "HANDSHAKE_TIMEOUT");
  const double connect_before = region.refusals("connect", "CONNECT_TIMEOUT");
  std::vector<std::unique_ptr<MqttClient>> open;
  region.commands_stay_fast_during([&] {
    if (rounds++ > 0) return std::this_thread::sleep_for(std::chrono::milliseconds(10));
    for (int i = 0; i < kEach; ++i) {
      for (int stage = 0; stage < 4; ++stage) {
        open.push_back(std::make_unique<MqttClient>(region.rogue_client()));
        MqttClient& client = *open.back();
        REQUIRE(client.open_tcp());
        if (stage == 1) REQUIRE(client.send_tcp(Bytes{0x16, 0x03, 0x01, 0x02, 0x00, 0x01}));
        if (stage >= 2) client.shake_hands();
        if (stage == 3) client.send_raw(Bytes{0x10, 29, 0, 4, 'M'});
      }
    }
  });
  CHECK(wait_until([&] { return region.refusals("handshake", "HANDSHAKE_TIMEOUT") - handshake_before >= 2 * kEach; },
                   10'000));
  CHECK(
      wait_until([&] { return region.refusals("connect", "CONNECT_TIMEOUT") - connect_before >= 2 * kEach; }, 10'000));
  region.nothing_is_lost();
}

TEST_CASE("Hostile: under a flood of junk handshakes a vehicle that was here before still connects") {
  HostileRegion region;
  Bytes session;
  {
    MqttClient first(region.rogue_client());
    REQUIRE((first.open() && first.connect(region.rogue())));
    session = first.tls_session();
  }
  const double before = region.refusals("handshake", "HANDSHAKE_FAILED");
  int junk = 0;
  int back = 0;
  region.commands_stay_fast_during([&] {
    for (int i = 0; i < 50; ++i) {
      MqttClient client(region.rogue_client());
      REQUIRE(client.open_tcp());
      client.send_tcp(Bytes(300, 0x5A));
      ++junk;
    }
    ClientOptions options = region.rogue_client();
    options.tls_session = session;
    MqttClient returning(options);
    REQUIRE((returning.open() && returning.connect(region.rogue())));
    ++back;
  });
  CHECK(back > 0);
  CHECK(wait_until([&] { return region.refusals("handshake", "HANDSHAKE_FAILED") - before >= junk; }, 10'000));
  region.nothing_is_lost();
}

TEST_CASE("Hostile: PROXY headers where none is asked for are bad TLS, whoever they claim to speak for") {
  HostileRegion region;
  const double before = region.refusals("handshake", "HANDSHAKE_FAILED");
  const std::string_view text = "PROXY TCP4 203.0.113.7 203.0.113.8 40001 8883\r\n";
  Bytes long_one = proxy_header("203.0.113.7", 40'001);
  set_proxy_length(long_one, 65'535);
  long_one.resize(16 + 65'535, 0x04);
  const std::vector<Bytes> headers = {proxy_header("203.0.113.7", 40'001), proxy_header("2001:db8::7", 40'001),
                                      proxy_local(0), Bytes(text.begin(), text.end()), long_one};
  int sent = 0;
  region.commands_stay_fast_during([&] {
    for (const Bytes& header : headers) {
      MqttClient client(region.rogue_client());
      REQUIRE(client.open_tcp());
      client.send_tcp(header);
      CHECK_FALSE(client.shake_hands());
      ++sent;
    }
  });
  CHECK(wait_until([&] { return region.refusals("handshake", "HANDSHAKE_FAILED") - before >= sent; }, 10'000));
  region.nothing_is_lost();
}

TEST_CASE("Hostile: what comes before TLS on a listener behind a balancer costs nobody else anything") {
  setenv("WAYSIDE_BROKER__VEHICLES__PROXY_PROTOCOL", "required", 1);
  setenv("WAYSIDE_BROKER__VEHICLES__TRUSTED_PROXIES", "127.0.0.1/32", 1);
  setenv("WAYSIDE_BROKER__VEHICLES__HANDSHAKE_MS_MAX", "1000", 1);
  const Bytes header = proxy_header("203.0.113.9", 40'001);
  HostileRegion region(header);  // the cars that behave come in by it
  unsetenv("WAYSIDE_BROKER__VEHICLES__PROXY_PROTOCOL");
  unsetenv("WAYSIDE_BROKER__VEHICLES__TRUSTED_PROXIES");
  unsetenv("WAYSIDE_BROKER__VEHICLES__HANDSHAKE_MS_MAX");
  const std::string_view text = "PROXY TCP4 203.0.113.7 203.0.113.8 40001 8883\r\n";
  Bytes unspecified = header;
  unspecified[13] = 0x00;
  Bytes too_short = header;
  set_proxy_length(too_short, 4);
  Bytes long_one = header;
  set_proxy_length(long_one, 65'535);
  long_one.resize(16 + 65'535, 0x04);
  Bytes twice = header;
  twice.insert(twice.end(), header.begin(), header.end());
  int rounds = 0;
  std::vector<std::unique_ptr<MqttClient>> silent;
  const auto attack = [&](const Bytes& bytes, const std::string& from = {}) {
    ClientOptions options = region.rogue_client();
    options.from = from;
    MqttClient client(options);
    REQUIRE(client.open_tcp());
    client.send_tcp(bytes);
    CHECK(client.closed_tcp());
  };
  region.commands_stay_fast_during([&] {
    for (const Bytes& bytes : {Bytes(text.begin(), text.end()), unspecified, too_short}) attack(bytes);
    attack(long_one);
    attack(twice);
    attack(header, "127.0.0.2");  // of no trusted network
    silent.push_back(std::make_unique<MqttClient>(region.rogue_client()));
    REQUIRE(silent.back()->open_tcp());
    REQUIRE(silent.back()->send_tcp(Bytes(header.begin(), header.end() - 1)));
    ++rounds;
  });
  CHECK(region.refusals("proxy", "PROXY_HEADER_INVALID") == 3 * rounds);
  CHECK(region.refusals("proxy", "PROXY_HEADER_TOO_LONG") == rounds);
  CHECK(region.refusals("handshake", "HANDSHAKE_FAILED") == rounds);
  CHECK(region.refusals("proxy", "PROXY_UNTRUSTED") == rounds);
  CHECK(wait_until([&] { return region.refusals("proxy", "HANDSHAKE_TIMEOUT") == rounds; }, 10'000));
  region.nothing_is_lost();
}

TEST_CASE("Hostile: headers that claim 256 MB grow nothing") {
  HostileRegion region;
  const double before = region.refusals("packet", "PACKET_TOO_LARGE");
  const std::uint64_t kib_before = region.resident_kib();
  int claims = 0;
  region.commands_stay_fast_during([&] {
    MqttClient unknown(region.rogue_client());
    REQUIRE(unknown.open());
    REQUIRE(unknown.send_raw(Bytes{0x10, 0xFF, 0xFF, 0xFF, 0x7F}));
    CHECK(unknown.closed());
    MqttClient known(region.rogue_client());
    REQUIRE((known.open() && known.connect(region.rogue())));
    REQUIRE(known.send_raw(Bytes{0x32, 0xFF, 0xFF, 0xFF, 0x7F}));
    const auto bye = known.expect<mqtt::Disconnect>();
    REQUIRE(bye);
    CHECK(bye->get<mqtt::Disconnect>()->reason == 0x95);
    claims += 2;
  });
  CHECK(region.refusals("packet", "PACKET_TOO_LARGE") - before == claims);
  CHECK(region.resident_kib() < kib_before + (64U << 10U));  // one believed claim is 256 MiB
  region.nothing_is_lost();
}

}  // namespace wayside::test
