// Addresses and networks: what is one, how it is written, who is in it.
#include <catch2/catch_test_macros.hpp>

#include "broker/proxyheader/address.h"

namespace wayside::broker::proxyheader {
namespace {

std::string again(std::string_view text) {
  const std::optional<IpAddress> address = parse_ip(text);
  return address ? to_string(*address) : "none";
}
std::string sentence(std::string_view text) {
  const Result<Network> network = parse_network(text);
  return network.ok() ? "" : network.error().what;
}
bool in(std::string_view network, std::string_view address) {
  const Result<Network> parsed = parse_network(network);
  REQUIRE(parsed.ok());
  const std::optional<IpAddress> peer = parse_ip(address);
  REQUIRE(peer);
  return parsed->contains(*peer);
}

}  // namespace

TEST_CASE("an address is written as RFC 5952 has it, and IPv4 as IPv4 whichever socket it came in by") {
  CHECK(again("192.0.2.1") == "192.0.2.1");
  CHECK(again("::ffff:192.0.2.1") == "192.0.2.1");
  CHECK(again("2001:DB8:0:0:1:0:0:1") == "2001:db8::1:0:0:1");
  CHECK(again("2001:db8:0:1:1:1:1:1") == "2001:db8:0:1:1:1:1:1");
  CHECK(again("::") == "::");
  CHECK(again("::1") == "::1");
  CHECK(again("fe80::") == "fe80::");
  CHECK(to_string(Endpoint{*parse_ip("192.0.2.1"), 4711}) == "192.0.2.1:4711");
  CHECK(to_string(Endpoint{*parse_ip("2001:db8::1"), 4711}) == "[2001:db8::1]:4711");
}

TEST_CASE("what is no address is none") {
  for (const char* text :
       {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.-4", "1.2.3.4 ", "::1%eth0", ":::", "1::2::3",
        "12345::", "g::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::8", "1.2.3.4::", "localhost", ":1"}) {
    INFO(text);
    CHECK(again(text) == "none");
  }
}

TEST_CASE("a network holds the addresses that begin as it does, of its own family") {
  CHECK(in("10.0.0.0/8", "10.255.1.2"));
  CHECK_FALSE(in("10.0.0.0/8", "11.0.0.0"));
  CHECK(in("10.1.2.128/25", "10.1.2.129"));
  CHECK_FALSE(in("10.1.2.128/25", "10.1.2.127"));
  CHECK(in("192.0.2.7/32", "::ffff:192.0.2.7"));
  CHECK_FALSE(in("192.0.2.7/32", "192.0.2.6"));
  CHECK(in("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  CHECK(in("fd00::/8", "fd12::1"));
  CHECK_FALSE(in("fd00::/8", "fe00::1"));
  CHECK(in("2001:db8::1/128", "2001:db8::1"));
}

TEST_CASE("what is no network is told with what was probably meant") {
  CHECK(sentence("10.1.2.3/8") == "is no network, address/bits; did you mean \"10.0.0.0/8\"?");
  CHECK(sentence("10.1.2.3") == "is no network, address/bits; did you mean \"10.1.2.3/32\"?");
  CHECK(sentence("2001:db8::1/32") == "is no network, address/bits; did you mean \"2001:db8::/32\"?");
  CHECK(sentence("::ffff:10.1.2.3/104") == "is no network, address/bits; did you mean \"10.0.0.0/8\"?");
  for (const char* text :
       {"", "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "fd00::/129", "balancer/8"}) {
    INFO(text);
    CHECK(sentence(text) == "is no network, address/bits");
  }
}

}  // namespace wayside::broker::proxyheader
