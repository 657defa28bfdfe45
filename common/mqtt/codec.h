// Decoder and encoder of MQTT control packets. Strict, and decided before anything takes effect. Malformed
// (0x81): overlong remaining length, misplaced properties, reserved bits, ill-formed UTF-8 (1.5.4, U+0000
// included), trailing bytes. Protocol error (0x82), as 5.0 words it: duplicate properties, forbidden values,
// unknown reason codes, packet identifier 0, a packet that never travels in this direction.
//
// Left to the caller, which has reasons of its own for them: topic grammar, Topic Alias 0 or unknown, a
// Subscription Identifier in a client's PUBLISH (properties.subscription_identifiers is not empty).
//
// Thread: pure functions. Limits: a packet is decoded only when it is complete; nothing is allocated from
// a length that is only claimed.
#pragma once

#include <cstdint>

#include "common/mqtt/packet.h"

namespace wayside::mqtt {

enum class Role : std::uint8_t { server, client };  // who is decoding

enum class DecodeStatus : std::uint8_t {
  complete,           // `packet` and `consumed` are set
  need_more,          // `need` = total bytes of this packet if the header is complete, else 0
  malformed,          // reason 0x81; `what` says which rule
  protocol_error,     // reason 0x82
  too_large,          // reason 0x95: the whole packet would be above the bound
  unsupported_level,  // CONNECT of another protocol level: CONNACK 0x01 (level <= 4) or 0x84
};

struct Decoded {
  DecodeStatus status = DecodeStatus::need_more;
  Packet packet;
  std::size_t consumed = 0;
  std::size_t need = 0;
  const char* what = "";
  std::uint8_t level = 0;  // of an unsupported CONNECT
};

// Decodes the first packet of `bytes`. `version` is the connection's (ignored for CONNECT, which names
// its own). A packet type that never travels in this direction is protocol_error.
Decoded decode(ByteView bytes, Version version, Role role, std::size_t packet_bytes_max);
// The same into an object that is used again: a packet is large to make and to move.
void decode_into(ByteView bytes, Version version, Role role, std::size_t packet_bytes_max, Decoded& out);

// Appends the encoding of `packet` to `out`. In 3.1.1 properties and reasons are not written. Optional
// properties are written exactly when set. Returns bytes written. Topics longer than 65,535 assert.
std::size_t encode(const Packet& packet, Version version, Bytes& out);
// The same without building a variant, for the hot paths.
std::size_t encode_publish(const Publish& publish, Version version, Bytes& out);
std::size_t encode_ack(const Ack& ack, Version version, Bytes& out);
// An acknowledgement without properties.
std::size_t encode_plain_ack(AckKind kind, std::uint16_t packet_id, std::uint8_t reason, Version version, Bytes& out);

}  // namespace wayside::mqtt
