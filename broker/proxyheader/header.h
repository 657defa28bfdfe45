// The header of PROXY protocol v2 (HAProxy's proxy-protocol.txt, 2.2): before TLS a balancer says whose connection it
// hands on. Version 1, the line of text, is not spoken.
//
//   00  12  signature  0d 0a 0d 0a 00 0d 0a 51 55 49 54 0a
//   12   1  version 2 (high), command 0 LOCAL, 1 PROXY (low)
//   13   1  family 1 IPv4, 2 IPv6 (high), transport 1 stream (low): 0x11 and 0x21
//   14   2  bytes that follow, big-endian: source, destination, their ports, then TLVs
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "broker/proxyheader/address.h"
#include "common/types.h"

namespace wayside::broker::proxyheader {

// What the spec has every sender and every path fit at once: a header that claims more is refused when it says so.
inline constexpr std::size_t kHeaderBytesMax = 536;

enum class Status : std::uint8_t {
  complete,
  need_more,  // all of it so far is a header
  invalid,    // none, or none that is spoken here: another version, command, family, a length or a TLV that lies
  too_long,   // more than kHeaderBytesMax
};

struct Decoded {
  Status status = Status::need_more;
  std::size_t consumed = 0;        // of a complete one; what is behind it is not ours
  std::optional<Endpoint> source;  // none of LOCAL: the balancer speaks for itself
};

// Judges each byte as soon as it is there, so that what is no header waits for nothing. TLVs must fill the rest
// exactly; the one of the checksum (CRC-32C over the header) must be right, all others are passed over. The content of
// LOCAL is passed over whole, as the spec has it.
Decoded decode(ByteView bytes);

}  // namespace wayside::broker::proxyheader
