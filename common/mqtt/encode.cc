// Each body is written by one function for two sinks: Size counts, Append writes. So the Remaining Length
// is known before the first byte and cannot disagree with what follows.
#include <array>

#include "common/mqtt/codec.h"
#include "common/mqtt/properties.h"
#include "common/result.h"

namespace wayside::mqtt {
namespace {

constexpr std::size_t kRemainingLengthMax = 268'435'455;

class Size {
 public:
  void u8(std::uint8_t) { ++total_; }
  void u16(std::uint16_t) { total_ += 2; }
  void u32(std::uint32_t) { total_ += 4; }
  void varint(std::size_t value) {
    do {
      ++total_;
      value >>= 7U;
    } while (value != 0);
  }
  void raw(ByteView bytes) { total_ += bytes.size(); }
  [[nodiscard]] std::size_t total() const { return total_; }

 private:
  std::size_t total_ = 0;
};

class Append {
 public:
  explicit Append(Bytes& out) : out_(out) {}
  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8U));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16U));
    u16(static_cast<std::uint16_t>(value));
  }
  void varint(std::size_t value) {
    WAYSIDE_ASSERT(value <= kRemainingLengthMax);
    for (; value > 0x7F; value >>= 7U) u8(static_cast<std::uint8_t>(value | 0x80U));
    u8(static_cast<std::uint8_t>(value));
  }
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }

 private:
  Bytes& out_;
};

template <typename Sink>
void put_binary(Sink& out, ByteView bytes) {
  WAYSIDE_ASSERT(bytes.size() <= 0xFFFF);
  out.u16(static_cast<std::uint16_t>(bytes.size()));
  out.raw(bytes);
}
template <typename Sink>
void put_text(Sink& out, std::string_view text) {
  put_binary(out, as_bytes(text));
}

template <typename Sink>
void put_value(Sink& out, std::uint8_t value) {
  out.u8(value);
}
template <typename Sink>
void put_value(Sink& out, std::uint16_t value) {
  out.u16(value);
}
template <typename Sink>
void put_value(Sink& out, std::uint32_t value) {
  out.u32(value);
}
template <typename Sink>
void put_value(Sink& out, std::string_view value) {
  put_text(out, value);
}
template <typename Sink>
void put_value(Sink& out, ByteView value) {
  put_binary(out, value);
}

template <typename Sink, typename T>
void put(Sink& out, PropertyId id, const std::optional<T>& value) {
  if (!value) return;
  out.u8(static_cast<std::uint8_t>(id));
  put_value(out, *value);
}

template <typename Sink>
void put_repeated(Sink& out, const Properties& p) {
  for (const std::uint32_t id : p.subscription_identifiers) {
    out.u8(static_cast<std::uint8_t>(PropertyId::subscription_identifier));
    out.varint(id);
  }
  for (const auto& [name, value] : p.user) {
    out.u8(static_cast<std::uint8_t>(PropertyId::user));
    put_text(out, name);
    put_text(out, value);
  }
}

template <typename Sink>
void put_all(Sink& out, const Properties& p) {
  using P = PropertyId;
  put(out, P::payload_format, p.payload_format);
  put(out, P::message_expiry, p.message_expiry_s);
  put(out, P::content_type, p.content_type);
  put(out, P::response_topic, p.response_topic);
  put(out, P::correlation_data, p.correlation_data);
  put(out, P::session_expiry, p.session_expiry_s);
  put(out, P::assigned_client_id, p.assigned_client_id);
  put(out, P::server_keep_alive, p.server_keep_alive_s);
  put(out, P::authentication_method, p.authentication_method);
  put(out, P::authentication_data, p.authentication_data);
  put(out, P::request_problem_information, p.request_problem_information);
  put(out, P::will_delay, p.will_delay_s);
  put(out, P::request_response_information, p.request_response_information);
  put(out, P::response_information, p.response_information);
  put(out, P::server_reference, p.server_reference);
  put(out, P::reason_string, p.reason_string);
  put(out, P::receive_maximum, p.receive_maximum);
  put(out, P::topic_alias_maximum, p.topic_alias_maximum);
  put(out, P::topic_alias, p.topic_alias);
  put(out, P::maximum_qos, p.maximum_qos);
  put(out, P::retain_available, p.retain_available);
  put(out, P::maximum_packet_size, p.maximum_packet_size);
  put(out, P::wildcard_available, p.wildcard_available);
  put(out, P::subscription_identifier_available, p.subscription_identifier_available);
  put(out, P::shared_available, p.shared_available);
  put_repeated(out, p);
}

std::size_t properties_size(const Properties& p) {
  Size size;
  put_all(size, p);
  return size.total();
}

template <typename Sink>
void put_properties(Sink& out, const Properties& p, Version version) {
  if (version == Version::v311) return;
  out.varint(properties_size(p));
  put_all(out, p);
}

std::uint8_t connect_flags(const Connect& c) {
  unsigned flags = c.clean_start ? 0x02U : 0U;
  if (c.will) flags |= 0x04U | static_cast<unsigned>(c.will->qos) << 3U | (c.will->retain ? 0x20U : 0U);
  if (c.password) flags |= 0x40U;
  if (c.username) flags |= 0x80U;
  return static_cast<std::uint8_t>(flags);
}

template <typename Sink>
void put_body(Sink& out, const Connect& c, Version) {
  put_text(out, "MQTT");
  out.u8(static_cast<std::uint8_t>(c.version));
  out.u8(connect_flags(c));
  out.u16(c.keep_alive_s);
  put_properties(out, c.properties, c.version);
  put_text(out, c.client_id);
  if (c.will) {
    put_properties(out, c.will->properties, c.version);
    put_text(out, c.will->topic);
    put_binary(out, c.will->payload);
  }
  if (c.username) put_text(out, *c.username);
  if (c.password) put_binary(out, *c.password);
}

template <typename Sink>
void put_body(Sink& out, const Connack& c, Version version) {
  out.u8(c.session_present ? 1 : 0);
  out.u8(c.reason);
  put_properties(out, c.properties, version);
}

template <typename Sink>
void put_body(Sink& out, const Publish& p, Version version) {
  put_text(out, p.topic);
  if (p.qos != 0) out.u16(p.packet_id);
  put_properties(out, p.properties, version);
  out.raw(p.payload);
}

// Reason and properties at the end of a packet, in the shortest form that 3.4.2 and 3.14.2 allow.
template <typename Sink>
void put_reason_tail(Sink& out, std::uint8_t reason, const Properties& p, Version version) {
  if (version == Version::v311) return;
  const bool bare = properties_size(p) == 0;
  if (bare && reason == 0) return;
  out.u8(reason);
  if (!bare) put_properties(out, p, version);
}

template <typename Sink>
void put_body(Sink& out, const Ack& a, Version version) {
  out.u16(a.packet_id);
  put_reason_tail(out, a.reason, a.properties, version);
}

std::uint8_t subscription_options(const Subscription& s, Version version) {
  if (version == Version::v311) return s.qos;
  return static_cast<std::uint8_t>(s.qos | (s.no_local ? 0x04U : 0U) | (s.retain_as_published ? 0x08U : 0U) |
                                   static_cast<unsigned>(s.retain_handling) << 4U);
}

template <typename Sink>
void put_body(Sink& out, const Subscribe& s, Version version) {
  out.u16(s.packet_id);
  put_properties(out, s.properties, version);
  for (const Subscription& subscription : s.subscriptions) {
    put_text(out, subscription.filter);
    out.u8(subscription_options(subscription, version));
  }
}

template <typename Sink>
void put_body(Sink& out, const Suback& s, Version version) {
  out.u16(s.packet_id);
  put_properties(out, s.properties, version);
  out.raw(s.reasons);
}

template <typename Sink>
void put_body(Sink& out, const Unsubscribe& u, Version version) {
  out.u16(u.packet_id);
  put_properties(out, u.properties, version);
  for (const std::string_view filter : u.filters) put_text(out, filter);
}

template <typename Sink>
void put_body(Sink& out, const Unsuback& u, Version version) {
  out.u16(u.packet_id);
  put_properties(out, u.properties, version);
  if (version == Version::v5) out.raw(u.reasons);
}

template <typename Sink>
void put_body(Sink&, const Pingreq&, Version) {}
template <typename Sink>
void put_body(Sink&, const Pingresp&, Version) {}

template <typename Sink>
void put_body(Sink& out, const Disconnect& d, Version version) {
  put_reason_tail(out, d.reason, d.properties, version);
}

// Unlike the others AUTH has no form with a reason and no property length (3.15.2.2.1).
template <typename Sink>
void put_body(Sink& out, const Auth& a, Version version) {
  WAYSIDE_ASSERT(version == Version::v5);
  if (a.reason == 0 && properties_size(a.properties) == 0) return;
  out.u8(a.reason);
  put_properties(out, a.properties, version);
}

std::uint8_t first_byte(const Connect&) { return 0x10; }
std::uint8_t first_byte(const Connack&) { return 0x20; }
std::uint8_t first_byte(const Publish& p) {
  return static_cast<std::uint8_t>(0x30U | (p.dup ? 0x08U : 0U) | static_cast<unsigned>(p.qos) << 1U |
                                   (p.retain ? 0x01U : 0U));
}
std::uint8_t first_byte(const Ack& a) {
  const unsigned flags = a.kind == AckKind::pubrel ? 2U : 0U;
  return static_cast<std::uint8_t>(static_cast<unsigned>(a.kind) << 4U | flags);
}
std::uint8_t first_byte(const Subscribe&) { return 0x82; }
std::uint8_t first_byte(const Suback&) { return 0x90; }
std::uint8_t first_byte(const Unsubscribe&) { return 0xA2; }
std::uint8_t first_byte(const Unsuback&) { return 0xB0; }
std::uint8_t first_byte(const Pingreq&) { return 0xC0; }
std::uint8_t first_byte(const Pingresp&) { return 0xD0; }
std::uint8_t first_byte(const Disconnect&) { return 0xE0; }
std::uint8_t first_byte(const Auth&) { return 0xF0; }

template <typename P>
std::size_t write(const P& packet, Version version, Bytes& out) {
  Size size;
  put_body(size, packet, version);
  const std::size_t before = out.size();
  Append sink(out);
  sink.u8(first_byte(packet));
  sink.varint(size.total());
  put_body(sink, packet, version);
  return out.size() - before;
}

}  // namespace

std::size_t encode_publish(const Publish& publish, Version version, Bytes& out) { return write(publish, version, out); }
std::size_t encode_ack(const Ack& ack, Version version, Bytes& out) { return write(ack, version, out); }

// 3.4.2.1: reason 0x00 is left out.
std::size_t encode_plain_ack(AckKind kind, std::uint16_t packet_id, std::uint8_t reason, Version version, Bytes& out) {
  const unsigned flags = kind == AckKind::pubrel ? 2U : 0U;
  const bool told = version == Version::v5 && reason != 0;
  const std::array<std::uint8_t, 5> packet = {
      static_cast<std::uint8_t>(static_cast<unsigned>(kind) << 4U | flags), static_cast<std::uint8_t>(told ? 3 : 2),
      static_cast<std::uint8_t>(packet_id >> 8U), static_cast<std::uint8_t>(packet_id), reason};
  const std::size_t size = told ? 5 : 4;
  out.insert(out.end(), packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
  return size;
}

std::size_t encode(const Packet& packet, Version version, Bytes& out) {
  return std::visit([&](const auto& p) { return write(p, version, out); }, packet);
}

}  // namespace wayside::mqtt
