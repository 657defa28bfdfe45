#include "common/mqtt/bodies.h"
#include "common/mqtt/properties.h"
#include "common/mqtt/reasons_allowed.h"

namespace wayside::mqtt {
namespace {

Subscription read_subscription(Reader& in, Version version) {
  Subscription s;
  s.filter = in.text();
  const std::uint8_t options = in.u8();
  const unsigned reserved = version == Version::v5 ? 0xC0U : 0xFCU;
  if ((options & reserved) != 0) in.malformed("a reserved subscription option is set");
  s.qos = options & 0x03U;
  s.no_local = (options & 0x04U) != 0;
  s.retain_as_published = (options & 0x08U) != 0;
  s.retain_handling = (options >> 4U) & 0x03U;
  if (s.qos == 3) in.protocol_error("a subscription with QoS 3");
  if (s.retain_handling == 3) in.protocol_error("Retain Handling 3");
  if (s.no_local && s.filter.starts_with("$share/")) in.protocol_error("No Local on a shared subscription");
  return s;
}

template <typename Allowed>
void read_reasons(Reader& in, std::vector<std::uint8_t>& out, Allowed allowed) {
  const ByteView reasons = in.rest();
  if (in.ok() && reasons.empty()) return in.protocol_error("an acknowledgement without reasons");
  for (const std::uint8_t reason : reasons) {
    if (!allowed(reason)) return in.protocol_error("an unknown reason of a subscription");
  }
  out.assign(reasons.begin(), reasons.end());
}

}  // namespace

void read_subscribe(Reader& in, Version version, Subscribe& out) {
  out.packet_id = in.packet_id();
  if (version == Version::v5) read_properties(in, Block::subscribe, out.properties);
  if (in.ok() && in.left() == 0) in.protocol_error("SUBSCRIBE without a filter");
  while (in.ok() && in.left() > 0) {
    const Subscription s = read_subscription(in, version);
    if (in.ok()) out.subscriptions.push_back(s);
  }
}

void read_suback(Reader& in, Version version, Suback& out) {
  out.packet_id = in.packet_id();
  if (version == Version::v311) return read_reasons(in, out.reasons, suback_code_v311);
  read_properties(in, Block::suback, out.properties);
  read_reasons(in, out.reasons, suback_reason);
}

void read_unsubscribe(Reader& in, Version version, Unsubscribe& out) {
  out.packet_id = in.packet_id();
  if (version == Version::v5) read_properties(in, Block::unsubscribe, out.properties);
  if (in.ok() && in.left() == 0) in.protocol_error("UNSUBSCRIBE without a filter");
  while (in.ok() && in.left() > 0) {
    const std::string_view filter = in.text();
    if (in.ok()) out.filters.push_back(filter);
  }
}

void read_unsuback(Reader& in, Version version, Unsuback& out) {
  out.packet_id = in.packet_id();
  if (version == Version::v5) {
    read_properties(in, Block::unsuback, out.properties);
    return read_reasons(in, out.reasons, unsuback_reason);
  }
  if (in.left() != 0) in.malformed("bytes behind the last field");
}

}  // namespace wayside::mqtt
