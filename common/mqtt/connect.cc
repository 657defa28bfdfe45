#include "common/mqtt/bodies.h"
#include "common/mqtt/properties.h"
#include "common/mqtt/reasons_allowed.h"

namespace wayside::mqtt {
namespace {

constexpr std::uint8_t kReservedFlag = 0x01;
constexpr std::uint8_t kCleanStart = 0x02;
constexpr std::uint8_t kWillFlag = 0x04;
constexpr std::uint8_t kWillRetain = 0x20;
constexpr std::uint8_t kPasswordFlag = 0x40;
constexpr std::uint8_t kUsernameFlag = 0x80;

std::uint8_t will_qos_of(std::uint8_t flags) { return (flags >> 3U) & 0x03U; }

void check_flags(Reader& in, std::uint8_t flags, Version version) {
  if ((flags & kReservedFlag) != 0) return in.malformed("the reserved CONNECT flag is set");
  if (will_qos_of(flags) == 3) return in.malformed("Will QoS 3");
  if ((flags & kWillFlag) == 0 && (flags & (kWillRetain | 0x18U)) != 0) {
    return in.malformed("Will QoS or Will Retain without a Will");
  }
  if (version == Version::v311 && (flags & kUsernameFlag) == 0 && (flags & kPasswordFlag) != 0) {
    return in.malformed("a password without a user name");
  }
}

Will read_will(Reader& in, std::uint8_t flags, Version version) {
  Will will;
  will.qos = will_qos_of(flags);
  will.retain = (flags & kWillRetain) != 0;
  if (version == Version::v5) read_properties(in, Block::will, will.properties);
  will.topic = in.text();
  will.payload = in.binary();
  return will;
}

void read_payload(Reader& in, std::uint8_t flags, Connect& out) {
  out.client_id = in.text();
  if ((flags & kWillFlag) != 0) out.will = read_will(in, flags, out.version);
  if ((flags & kUsernameFlag) != 0) out.username = in.text();
  if ((flags & kPasswordFlag) != 0) out.password = in.binary();
  if (in.left() != 0) in.malformed("bytes behind the last field");
}

// The level is one byte with one meaning. Some brokers read its top bit as "this is a bridge" and then
// parse 0x84 as 3.1.1 and 0x85 as 5: two readings of one packet, so both are simply other levels here.
bool known_level(std::string_view name, std::uint8_t level) { return name == "MQTT" && (level == 4 || level == 5); }

}  // namespace

ConnectRead read_connect(Reader& in) {
  ConnectRead read;
  const std::string_view name = in.text();
  if (in.ok() && name != "MQTT" && name != "MQIsdp") in.malformed("the protocol name is not MQTT");
  read.level = in.u8();
  if (!in.ok()) return read;
  if (!known_level(name, read.level)) {
    read.unsupported = true;
    return read;
  }
  Connect& out = read.packet;
  out.version = static_cast<Version>(read.level);
  const std::uint8_t flags = in.u8();
  check_flags(in, flags, out.version);
  out.clean_start = (flags & kCleanStart) != 0;
  out.keep_alive_s = in.u16();
  if (out.version == Version::v5) read_properties(in, Block::connect, out.properties);
  read_payload(in, flags, out);
  return read;
}

void read_connack(Reader& in, Version version, Connack& out) {
  const std::uint8_t flags = in.u8();
  if ((flags & 0xFEU) != 0) return in.malformed("a reserved CONNACK flag is set");
  out.session_present = flags != 0;
  out.reason = in.u8();
  const bool known = version == Version::v5 ? connack_reason(out.reason) : out.reason <= 5;
  if (in.ok() && !known) return in.protocol_error("an unknown CONNACK reason");
  if (out.session_present && out.reason != 0) return in.protocol_error("Session Present in a refusal");
  if (version == Version::v5) read_properties(in, Block::connack, out.properties);
  if (in.left() != 0) in.malformed("bytes behind the last field");
}

}  // namespace wayside::mqtt
