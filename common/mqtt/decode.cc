#include "common/mqtt/bodies.h"

namespace wayside::mqtt {
namespace {

enum class PacketType : std::uint8_t {
  reserved = 0,
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

struct Header {
  PacketType type{};
  std::uint8_t flags = 0;
  std::size_t size = 0;    // of the header itself; 0: not complete yet
  std::size_t length = 0;  // Remaining Length
};

// What was read of a packet that is none is not handed on.
void refuse(DecodeStatus status, const char* what, Decoded& out) {
  out.packet = Packet{};
  out.status = status;
  out.what = what;
}

// Table 2.1: which end may send it.
bool travels_to(PacketType type, Role role, Version version) {
  switch (type) {
    case PacketType::connect:
    case PacketType::subscribe:
    case PacketType::unsubscribe:
    case PacketType::pingreq: return role == Role::server;
    case PacketType::connack:
    case PacketType::suback:
    case PacketType::unsuback:
    case PacketType::pingresp: return role == Role::client;
    case PacketType::disconnect: return role == Role::server || version == Version::v5;
    default: return true;
  }
}

bool flags_right(PacketType type, std::uint8_t flags) {
  switch (type) {
    case PacketType::publish: return true;
    case PacketType::pubrel:
    case PacketType::subscribe:
    case PacketType::unsubscribe: return flags == 2;
    default: return flags == 0;
  }
}

// Looks at the first byte alone, so that a peer cannot keep a hopeless packet open by sending it slowly.
const char* first_byte_malformed(const Header& header, Version version) {
  if (header.type == PacketType::reserved) return "packet type 0";
  if (header.type == PacketType::auth && version == Version::v311) return "packet type 15 in MQTT 3.1.1";
  if (!flags_right(header.type, header.flags)) return "reserved flags of the fixed header";
  return nullptr;
}

const char* read_length(ByteView bytes, Header& header) {
  std::size_t value = 0;
  for (std::size_t i = 1; i < bytes.size() && i <= 4; ++i) {
    const std::uint8_t byte = bytes[i];
    value |= static_cast<std::size_t>(byte & 0x7FU) << (7 * (i - 1));
    if ((byte & 0x80U) != 0) {
      if (i == 4) return "Remaining Length has more than four bytes";
      continue;
    }
    if (byte == 0 && i > 1) return "Remaining Length is longer than it needs to be";
    header.size = i + 1;
    header.length = value;
    return nullptr;
  }
  return nullptr;
}

void finish(const Reader& in, std::size_t total, Decoded& out) {
  if (!in.ok()) return refuse(in.status(), in.what(), out);
  out.status = DecodeStatus::complete;
  out.consumed = total;
}

void decode_connect(ByteView body, std::size_t total, Decoded& out) {
  Reader in(body);
  ConnectRead read = read_connect(in);
  if (read.unsupported) {
    out.level = read.level;
    return refuse(DecodeStatus::unsupported_level, "another protocol level", out);
  }
  out.packet = std::move(read.packet);
  finish(in, total, out);
}

void read_empty(Reader& in) {
  if (in.left() != 0) in.malformed("a body where there is none");
}

void read_body(Reader& in, const Header& header, Version version, Role role, Packet& out) {
  switch (header.type) {
    case PacketType::publish: return read_publish(in, version, header.flags, out.emplace<Publish>());
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: return read_ack(in, version, static_cast<AckKind>(header.type), out.emplace<Ack>());
    case PacketType::connack: return read_connack(in, version, out.emplace<Connack>());
    case PacketType::subscribe: return read_subscribe(in, version, out.emplace<Subscribe>());
    case PacketType::suback: return read_suback(in, version, out.emplace<Suback>());
    case PacketType::unsubscribe: return read_unsubscribe(in, version, out.emplace<Unsubscribe>());
    case PacketType::unsuback: return read_unsuback(in, version, out.emplace<Unsuback>());
    case PacketType::disconnect: return read_disconnect(in, version, role, out.emplace<Disconnect>());
    case PacketType::auth: return read_auth(in, role, out.emplace<Auth>());
    case PacketType::pingreq: out.emplace<Pingreq>(); return read_empty(in);
    case PacketType::pingresp: out.emplace<Pingresp>(); return read_empty(in);
    case PacketType::connect:
    case PacketType::reserved: return in.malformed("packet type 0");
  }
}

}  // namespace

void decode_into(ByteView bytes, Version version, Role role, std::size_t packet_bytes_max, Decoded& out) {
  out.status = DecodeStatus::need_more;
  out.consumed = 0;
  out.need = 0;
  out.what = "";
  out.level = 0;
  if (bytes.empty()) return;
  Header header;
  header.type = static_cast<PacketType>(bytes[0] >> 4U);
  header.flags = bytes[0] & 0x0FU;
  if (const char* what = first_byte_malformed(header, version)) return refuse(DecodeStatus::malformed, what, out);
  if (!travels_to(header.type, role, version)) {
    return refuse(DecodeStatus::protocol_error, "a packet that never travels in this direction", out);
  }
  if (const char* what = read_length(bytes, header)) return refuse(DecodeStatus::malformed, what, out);
  if (header.size == 0) return;
  const std::size_t total = header.size + header.length;
  if (total > packet_bytes_max) return refuse(DecodeStatus::too_large, "larger than Maximum Packet Size", out);
  if (bytes.size() < total) {
    out.need = total;
    return;
  }
  const ByteView body = bytes.subspan(header.size, header.length);
  if (header.type == PacketType::connect) return decode_connect(body, total, out);
  Reader in(body);
  read_body(in, header, version, role, out.packet);
  finish(in, total, out);
}

Decoded decode(ByteView bytes, Version version, Role role, std::size_t packet_bytes_max) {
  Decoded out;
  decode_into(bytes, version, role, packet_bytes_max, out);
  return out;
}

}  // namespace wayside::mqtt
