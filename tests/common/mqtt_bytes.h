// Packets as the specification prints them: hex with blanks and quoted text, "30 05 0003 'a/b'".
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "common/mqtt/codec.h"
#include "common/result.h"

namespace wayside::mqtt {

inline constexpr std::size_t kPacketBytesMax = 1U << 20U;

inline Bytes wire(std::string_view text) {
  Bytes out;
  std::string hex;
  bool quoted = false;
  for (const char c : text) {
    if (c == '\'') {
      quoted = !quoted;
    } else if (quoted) {
      out.push_back(static_cast<std::uint8_t>(c));
    } else if (c != ' ') {
      hex += c;
      if (hex.size() < 2) continue;
      Bytes byte;
      WAYSIDE_ASSERT(from_hex(hex, byte));
      out.push_back(byte[0]);
      hex.clear();
    }
  }
  WAYSIDE_ASSERT(!quoted && hex.empty());
  return out;
}

inline Bytes cat(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

// A body behind its length as a variable byte integer of one or two bytes.
inline Bytes block(const Bytes& body) {
  WAYSIDE_ASSERT(body.size() < 16384);
  Bytes length = {static_cast<std::uint8_t>(body.size())};
  if (body.size() > 127) {
    length = {static_cast<std::uint8_t>(body.size() % 128 | 0x80U), static_cast<std::uint8_t>(body.size() / 128)};
  }
  return cat({length, body});
}

// A packet: first byte, Remaining Length, body.
inline Bytes framed(std::uint8_t first, const Bytes& body) { return cat({{first}, block(body)}); }

inline Decoded from_client(const Bytes& bytes, Version version = Version::v5) {
  return decode(bytes, version, Role::server, kPacketBytesMax);
}
inline Decoded from_server(const Bytes& bytes, Version version = Version::v5) {
  return decode(bytes, version, Role::client, kPacketBytesMax);
}
inline Bytes encoded(const Packet& packet, Version version = Version::v5) {
  Bytes out;
  encode(packet, version, out);
  return out;
}

}  // namespace wayside::mqtt
