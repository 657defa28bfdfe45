#include "common/mqtt/bodies.h"
#include "common/mqtt/properties.h"
#include "common/mqtt/reasons_allowed.h"

namespace wayside::mqtt {

void read_publish(Reader& in, Version version, std::uint8_t flags, Publish& out) {
  out.retain = (flags & 0x01U) != 0;
  out.qos = (flags >> 1U) & 0x03U;
  out.dup = (flags & 0x08U) != 0;
  if (out.qos == 3) return in.malformed("QoS 3");
  if (out.dup && out.qos == 0) return in.malformed("DUP with QoS 0");
  out.topic = in.text();
  if (out.qos != 0) out.packet_id = in.packet_id();
  if (version == Version::v5) read_properties(in, Block::publish, out.properties);
  if (in.ok() && out.topic.empty() && !out.properties.topic_alias) {
    return in.protocol_error("an empty topic without a Topic Alias");
  }
  out.payload = in.rest();
}

void read_ack(Reader& in, Version version, AckKind kind, Ack& out) {
  out.kind = kind;
  out.packet_id = in.packet_id();
  // 3.4.2.1: reason and property length may be left out; the reason is then 0x00.
  if (version == Version::v5 && in.left() > 0) {
    out.reason = in.u8();
    const bool early = kind == AckKind::puback || kind == AckKind::pubrec;
    if (!(early ? puback_reason(out.reason) : pubrel_reason(out.reason))) {
      return in.protocol_error("an unknown reason of an acknowledgement");
    }
    if (in.left() > 0) read_properties(in, Block::ack, out.properties);
  }
  if (in.left() != 0) in.malformed("bytes behind the last field");
}

}  // namespace wayside::mqtt
