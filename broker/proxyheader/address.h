// IP addresses and networks as values: what a balancer says a peer's address is, and which balancers are believed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/types.h"

namespace wayside::broker::proxyheader {

// An address of either family. IPv4 is kept as ::ffff:a.b.c.d, as a socket of both families shows it: a peer is one
// address whichever socket it came in by.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const IpAddress&) const = default;
  [[nodiscard]] bool v4() const;
};
// From the wire: 4 or 16 bytes.
IpAddress address_of(ByteView bytes);
// "192.0.2.1" or "2001:db8::1", without a zone; nullopt for anything else.
std::optional<IpAddress> parse_ip(std::string_view text);
std::string to_string(const IpAddress& address);

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};
// "192.0.2.1:4711" or "[2001:db8::1]:4711".
std::string to_string(const Endpoint& endpoint);

// The addresses that begin with the first `bits` bits of `address`.
struct Network {
  IpAddress address;
  std::uint8_t bits = 0;  // of the 16 bytes: 96 more than is written of IPv4
  [[nodiscard]] bool contains(const IpAddress& peer) const;
};
// "10.0.0.0/8" or "fd00::/8". The sentence, which goes on behind the text, names what was probably meant: a network
// without host bits, an address with its full length.
Result<Network> parse_network(std::string_view text);

}  // namespace wayside::broker::proxyheader
