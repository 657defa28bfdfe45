// A balancer in front of the gate: its PROXY v2 header, from whom it is taken, and what is no header.
#include <catch2/catch_test_macros.hpp>
#include <chrono>

#include "tests/broker/support/gate_fixture.h"
#include "tests/broker/support/proxy_header.h"

namespace wayside {
namespace {

using test::append_tlv;
using test::GateFixture;
using test::kOtherVin;
using test::kVin;
using test::MqttClient;
using test::proxy_header;
using test::proxy_local;
using test::set_proxy_length;
using test::wait_until;

constexpr const char* kSource = "203.0.113.7";

// A gate behind a balancer, which is this process: its peers come from 127.0.0.1.
GateFixture::Adjust behind(const std::string& trusted) {
  return [trusted](broker::gate::GateOptions& options) {
    options.proxy = {true, {broker::proxyheader::parse_network(trusted).value()}};
    options.handshake_ms_max = 1'000;
  };
}

// The header and what follows it in one write, then silence: the gate says no by closing.
bool closed_after(GateFixture& fixture, const Bytes& bytes) {
  MqttClient client(fixture.vehicle());
  REQUIRE(client.open_tcp());
  REQUIRE(client.send_tcp(bytes));
  return client.closed_tcp();
}

}  // namespace

TEST_CASE("behind a balancer a vehicle is who its certificate says, whatever the header carries") {
  GateFixture fixture(behind("127.0.0.0/8"));
  for (const char* source : {kSource, "2001:db8::7"}) {
    MqttClient car(fixture.vehicle());
    Bytes header = proxy_header(source, 40'001);
    append_tlv(header, 0x20, Bytes(30, 0x41));  // "the client's certificate was verified": proves nothing
    append_tlv(header, 0x02, Bytes(std::begin("WVWZZZ1JZXW000002"), std::end("WVWZZZ1JZXW000002")));  // an authority
    REQUIRE(car.open_tcp());
    REQUIRE(car.send_tcp(header));
    REQUIRE(car.shake_hands());
    const auto connack = car.connect(kVin);
    REQUIRE(connack);
    CHECK(connack->get<mqtt::Connack>()->reason == 0);
    CHECK(car.publish(std::string("v1/") + kVin + "/event/door", "1"));
    const auto foreign = car.publish(std::string("v1/") + kOtherVin + "/event/door", "1", 2);
    REQUIRE(foreign);
    CHECK(foreign->reason == 0x87);
  }
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open_tcp() && car.send_tcp(proxy_header(kSource, 40'001)) && car.shake_hands()));
  const auto connack = car.connect(kOtherVin);
  REQUIRE(connack);
  CHECK(connack->get<mqtt::Connack>()->reason == 0x85);
}

TEST_CASE("a balancer's header may come byte by byte, and what comes with it is TLS") {
  GateFixture fixture(behind("127.0.0.1/32"));
  {
    MqttClient car(fixture.vehicle());
    REQUIRE(car.open_tcp());
    for (const std::uint8_t byte : proxy_header(kSource, 40'001)) REQUIRE(car.send_tcp(Bytes{byte}));
    REQUIRE((car.shake_hands() && car.connect(kVin)));
  }
  MqttClient car(fixture.vehicle());
  REQUIRE(car.open_tcp());
  // In one segment: what TLS of the client would have sent first is held back until the header is before it.
  car.before_first_write(proxy_header(kSource, 40'001));
  REQUIRE((car.shake_hands() && car.connect(kVin)));
}

TEST_CASE("a balancer's health check is no refusal, and one that goes on to TLS keeps the socket's address") {
  GateFixture fixture(behind("127.0.0.1/32"));
  {
    MqttClient check(fixture.vehicle());
    REQUIRE((check.open_tcp() && check.send_tcp(proxy_local(0))));
    CHECK_FALSE(check.closed_tcp(100));  // it is not refused
  }
  MqttClient car(fixture.vehicle());
  REQUIRE((car.open_tcp() && car.send_tcp(proxy_local(0)) && car.shake_hands() && car.connect(kVin)));
  CHECK(fixture.refusals("handshake", Reason::CONNECTION_LOST) == 0);
  CHECK(fixture.refusals("proxy", Reason::CONNECTION_LOST) == 0);
}

TEST_CASE("a peer that is no trusted proxy is refused, with a header or without") {
  GateFixture fixture(behind("10.0.0.0/8"));
  CHECK(closed_after(fixture, proxy_header("10.0.0.1", 40'001)));
  MqttClient car(fixture.vehicle());
  CHECK((!car.open_tcp() || !car.shake_hands()));
  CHECK(fixture.refusals("proxy", Reason::PROXY_UNTRUSTED) == 2);
  MqttClient service(fixture.service("region-app"));  // its listener is not behind the balancer
  REQUIRE((service.open() && service.connect("region-app")));
}

TEST_CASE("what should be a balancer's header and is none is refused before TLS, each kind with its reason") {
  GateFixture fixture(behind("127.0.0.1/32"));
  MqttClient good(fixture.vehicle(kOtherVin));
  REQUIRE(
      (good.open_tcp() && good.send_tcp(proxy_header(kSource, 1)) && good.shake_hands() && good.connect(kOtherVin)));
  const Bytes right = proxy_header(kSource, 40'001);
  std::vector<Bytes> invalid;
  const auto changed = [&](std::size_t at, std::uint8_t to) {
    invalid.push_back(right);
    invalid.back()[at] = to;
  };
  changed(0, 'P');    // signature
  changed(11, 0x0B);  // its last byte
  changed(12, 0x11);  // version 1
  changed(12, 0x22);  // no command
  changed(13, 0x00);  // family UNSPEC
  changed(13, 0x12);  // UDP
  changed(13, 0x31);  // a Unix socket
  changed(15, 11);    // a length below the addresses
  invalid.push_back(right);
  append_tlv(invalid.back(), 0x03, Bytes(4, 0xEE));  // a checksum that is wrong
  invalid.push_back(right);
  append_tlv(invalid.back(), 0x04, Bytes(9, 0));
  invalid.back()[right.size() + 2] = 10;  // a TLV of one byte more than there is
  const std::string_view text = "PROXY TCP4 203.0.113.7 203.0.113.8 40001 8883\r\n";  // version 1
  invalid.emplace_back(text.begin(), text.end());
  invalid.push_back(Bytes{0x16, 0x03, 0x01});  // no header but TLS
  for (const Bytes& bytes : invalid) CHECK(closed_after(fixture, bytes));
  CHECK(fixture.refusals("proxy", Reason::PROXY_HEADER_INVALID) == static_cast<double>(invalid.size()));

  for (const std::size_t length : {521UL, 65'535UL}) {
    Bytes bytes = right;
    set_proxy_length(bytes, length);
    bytes.resize(16 + length, 0x04);
    CHECK(closed_after(fixture, bytes));
  }
  CHECK(fixture.refusals("proxy", Reason::PROXY_HEADER_TOO_LONG) == 2);

  // A second one is where TLS should begin.
  Bytes twice = right;
  twice.insert(twice.end(), right.begin(), right.end());
  CHECK(closed_after(fixture, twice));
  CHECK(fixture.refusals("handshake", Reason::HANDSHAKE_FAILED) == 1);
  // Whoever behaves has noticed nothing.
  const auto begin = std::chrono::steady_clock::now();
  CHECK(good.publish(std::string("v1/") + kOtherVin + "/event/beat", "1"));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(1));
}

TEST_CASE("a balancer's header that stops in its middle ends at the deadline of the handshake") {
  GateFixture fixture(behind("127.0.0.1/32"));
  const Bytes right = proxy_header(kSource, 40'001);
  const auto begin = std::chrono::steady_clock::now();
  MqttClient silent(fixture.vehicle());
  MqttClient stopped(fixture.vehicle());
  MqttClient headed(fixture.vehicle());
  REQUIRE((silent.open_tcp() && stopped.open_tcp() && headed.open_tcp()));
  REQUIRE(stopped.send_tcp(Bytes(right.begin(), right.end() - 1)));
  REQUIRE(headed.send_tcp(right));
  CHECK(silent.closed_tcp());
  CHECK(stopped.closed_tcp());
  CHECK(headed.closed_tcp());
  const auto took = std::chrono::steady_clock::now() - begin;
  CHECK(took > std::chrono::milliseconds(900));
  CHECK(took < std::chrono::milliseconds(3'000));
  CHECK(fixture.refusals("proxy", Reason::HANDSHAKE_TIMEOUT) == 2);
  CHECK(fixture.refusals("handshake", Reason::HANDSHAKE_TIMEOUT) == 1);
  {
    MqttClient gone(fixture.vehicle());
    REQUIRE((gone.open_tcp() && gone.send_tcp(Bytes(right.begin(), right.begin() + 5))));
  }
  CHECK(wait_until([&] { return fixture.refusals("proxy", Reason::CONNECTION_LOST) == 1; }, 2'000));
}

TEST_CASE("without proxy_protocol a PROXY header is bad TLS and refused as that") {
  GateFixture fixture;
  CHECK(closed_after(fixture, proxy_header(kSource, 40'001)));
  CHECK(fixture.refusals("handshake", Reason::HANDSHAKE_FAILED) == 1);
}

}  // namespace wayside
