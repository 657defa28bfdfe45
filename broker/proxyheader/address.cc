#include "broker/proxyheader/address.h"

#include <algorithm>
#include <charconv>
#include <vector>

namespace wayside::broker::proxyheader {
namespace {

constexpr std::size_t kBytes = 16;
constexpr std::size_t kV4At = 12;
constexpr std::size_t kGroups = 8;
constexpr unsigned kV4Bits = 96;
constexpr std::uint8_t kBits = 128;
constexpr std::array<std::uint8_t, kV4At> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(at, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<unsigned> number(std::string_view text, int base, std::size_t digits_max, unsigned max) {
  unsigned value = 0;
  if (text.empty() || text.size() > digits_max) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

// Four decimal numbers. A leading zero is octal to some and decimal to others: refused.
bool parse_v4(std::string_view text, std::uint8_t* into) {
  const std::vector<std::string_view> parts = split(text, '.');
  if (parts.size() != 4) return false;
  for (const std::string_view part : parts) {
    const std::optional<unsigned> value = number(part, 10, 3, 255);
    if (!value || (part.size() > 1 && part.front() == '0')) return false;
    *into++ = static_cast<std::uint8_t>(*value);
  }
  return true;
}

// Groups with colons between them; where the address ends with them, the last two perhaps written as IPv4.
bool parse_groups(std::string_view text, bool ends, Bytes& out) {
  if (text.empty()) return true;
  const std::vector<std::string_view> parts = split(text, ':');
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::array<std::uint8_t, 4> v4{};
    if (ends && i + 1 == parts.size() && parse_v4(parts[i], v4.data())) {
      out.insert(out.end(), v4.begin(), v4.end());
      continue;
    }
    const std::optional<unsigned> value = number(parts[i], 16, 4, 0xFFFF);
    if (!value) return false;
    out.push_back(static_cast<std::uint8_t>(*value >> 8U));
    out.push_back(static_cast<std::uint8_t>(*value & 0xFFU));
  }
  return true;
}

std::optional<IpAddress> parse_v6(std::string_view text) {
  IpAddress address;
  Bytes head;
  Bytes tail;
  const std::size_t gap = text.find("::");
  const bool whole = gap == std::string_view::npos;
  if (!parse_groups(text.substr(0, gap), whole, head)) return std::nullopt;
  if (whole) {
    if (head.size() != kBytes) return std::nullopt;
  } else if (!parse_groups(text.substr(gap + 2), true, tail) || head.size() + tail.size() > kBytes - 2) {
    return std::nullopt;
  }
  std::ranges::copy(head, address.bytes.begin());
  std::ranges::copy(tail, address.bytes.end() - static_cast<std::ptrdiff_t>(tail.size()));
  return address;
}

void append(std::string& out, unsigned value, int base) {
  std::array<char, 8> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), value, base).ptr;
  out.append(digits.begin(), end);
}

// Of the longest run of two or more zero groups; the first of equals (RFC 5952).
struct Run {
  std::size_t begin = kGroups;
  std::size_t size = 1;
};
Run longest_zeros(const std::array<unsigned, kGroups>& groups) {
  Run best;
  for (std::size_t begin = 0; begin < kGroups; ++begin) {
    std::size_t end = begin;
    while (end < kGroups && groups.at(end) == 0) ++end;
    if (end - begin > best.size) best = {begin, end - begin};
  }
  return best;
}

std::string v6_text(const IpAddress& address) {
  std::array<unsigned, kGroups> groups{};
  for (std::size_t i = 0; i < kGroups; ++i) {
    groups.at(i) = static_cast<unsigned>(address.bytes.at(2 * i) << 8U) | address.bytes.at(2 * i + 1);
  }
  const Run zeros = longest_zeros(groups);
  std::string out;
  for (std::size_t i = 0; i < kGroups;) {
    if (i == zeros.begin) {
      out += "::";
      i += zeros.size;
      continue;
    }
    if (!out.empty() && out.back() != ':') out += ':';
    append(out, groups.at(i++), 16);
  }
  return out;
}

IpAddress masked(const IpAddress& address, unsigned bits) {
  IpAddress out;
  for (unsigned i = 0; i < kBytes; ++i) {
    const unsigned kept = std::clamp<int>(static_cast<int>(bits) - static_cast<int>(8 * i), 0, 8);
    out.bytes.at(i) = static_cast<std::uint8_t>(address.bytes.at(i) & (0xFF00U >> kept));
  }
  return out;
}

std::string text_of(const Network& network) {
  const unsigned unwritten = network.address.v4() && network.bits >= kV4Bits ? kV4Bits : 0;
  return to_string(network.address) + "/" + std::to_string(network.bits - unwritten);
}

Error no_network(const std::optional<Network>& meant = {}) {
  return Error{Fault::config,
               "is no network, address/bits" + (meant ? "; did you mean \"" + text_of(*meant) + "\"?" : std::string())};
}

}  // namespace

bool IpAddress::v4() const { return std::equal(kV4Prefix.begin(), kV4Prefix.end(), bytes.begin()); }

IpAddress address_of(ByteView bytes) {
  IpAddress address;
  if (bytes.size() == kBytes) {
    std::ranges::copy(bytes, address.bytes.begin());
  } else {
    WAYSIDE_ASSERT(bytes.size() == kBytes - kV4At);
    std::ranges::copy(kV4Prefix, address.bytes.begin());
    std::ranges::copy(bytes, address.bytes.begin() + kV4At);
  }
  return address;
}

std::optional<IpAddress> parse_ip(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  IpAddress address;
  std::ranges::copy(kV4Prefix, address.bytes.begin());
  if (!parse_v4(text, address.bytes.data() + kV4At)) return std::nullopt;
  return address;
}

std::string to_string(const IpAddress& address) {
  if (!address.v4()) return v6_text(address);
  std::string out;
  for (std::size_t i = kV4At; i < kBytes; ++i) {
    if (i > kV4At) out += '.';
    append(out, address.bytes.at(i), 10);
  }
  return out;
}

std::string to_string(const Endpoint& endpoint) {
  const std::string host = to_string(endpoint.address);
  return (endpoint.address.v4() ? host : "[" + host + "]") + ":" + std::to_string(endpoint.port);
}

bool Network::contains(const IpAddress& peer) const { return masked(peer, bits) == address; }

Result<Network> parse_network(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
  if (!address) return no_network();
  const unsigned unwritten = text.find(':') == std::string_view::npos ? kV4Bits : 0;
  const unsigned max = kBits - unwritten;
  if (slash == std::string_view::npos) return no_network(Network{*address, kBits});
  const std::optional<unsigned> bits = number(text.substr(slash + 1), 10, 3, max);
  if (!bits) return no_network();
  const Network network{masked(*address, *bits + unwritten), static_cast<std::uint8_t>(*bits + unwritten)};
  if (network.address != *address) return no_network(network);
  return network;
}

}  // namespace wayside::broker::proxyheader
