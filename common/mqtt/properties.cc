#include "common/mqtt/properties.h"

namespace wayside::mqtt {
namespace {

using P = PropertyId;

constexpr PropertySet allowed_in(Block block) {
  switch (block) {
    case Block::connect:
      return set_of(P::session_expiry, P::receive_maximum, P::maximum_packet_size, P::topic_alias_maximum,
                    P::request_response_information, P::request_problem_information, P::user, P::authentication_method,
                    P::authentication_data);
    case Block::will:
      return set_of(P::will_delay, P::payload_format, P::message_expiry, P::content_type, P::response_topic,
                    P::correlation_data, P::user);
    case Block::connack:
      return set_of(P::session_expiry, P::receive_maximum, P::maximum_qos, P::retain_available, P::maximum_packet_size,
                    P::assigned_client_id, P::topic_alias_maximum, P::reason_string, P::user, P::wildcard_available,
                    P::subscription_identifier_available, P::shared_available, P::server_keep_alive,
                    P::response_information, P::server_reference, P::authentication_method, P::authentication_data);
    case Block::publish:
      return set_of(P::payload_format, P::message_expiry, P::topic_alias, P::response_topic, P::correlation_data,
                    P::user, P::subscription_identifier, P::content_type);
    case Block::subscribe: return set_of(P::subscription_identifier, P::user);
    case Block::unsubscribe: return set_of(P::user);
    case Block::ack:
    case Block::suback:
    case Block::unsuback: return set_of(P::reason_string, P::user);
    case Block::disconnect_from_client: return set_of(P::session_expiry, P::reason_string, P::user);
    case Block::disconnect_from_server: return set_of(P::reason_string, P::user, P::server_reference);
    case Block::auth: return set_of(P::authentication_method, P::authentication_data, P::reason_string, P::user);
  }
  return 0;
}

std::uint8_t zero_or_one(Reader& in) {
  const std::uint8_t value = in.u8();
  if (value > 1) in.protocol_error("a property that is 0 or 1 is neither");
  return value;
}

template <typename Number>
Number not_zero(Reader& in, Number value) {
  if (value == 0) in.protocol_error("a property that must not be 0 is 0");
  return value;
}

void read_user(Reader& in, Properties& out) {
  const std::string_view name = in.text();
  const std::string_view value = in.text();
  if (in.ok()) out.user.emplace_back(name, value);
}

void read_subscription_identifier(Reader& in, Properties& out) {
  const std::uint32_t id = not_zero(in, in.varint());
  if (in.ok()) out.subscription_identifiers.push_back(id);
}

void read_value(Reader& in, P id, Properties& out) {
  switch (id) {
    case P::payload_format: out.payload_format = zero_or_one(in); return;
    case P::message_expiry: out.message_expiry_s = in.u32(); return;
    case P::content_type: out.content_type = in.text(); return;
    case P::response_topic: out.response_topic = in.text(); return;
    case P::correlation_data: out.correlation_data = in.binary(); return;
    case P::subscription_identifier: read_subscription_identifier(in, out); return;
    case P::session_expiry: out.session_expiry_s = in.u32(); return;
    case P::assigned_client_id: out.assigned_client_id = in.text(); return;
    case P::server_keep_alive: out.server_keep_alive_s = in.u16(); return;
    case P::authentication_method: out.authentication_method = in.text(); return;
    case P::authentication_data: out.authentication_data = in.binary(); return;
    case P::request_problem_information: out.request_problem_information = zero_or_one(in); return;
    case P::will_delay: out.will_delay_s = in.u32(); return;
    case P::request_response_information: out.request_response_information = zero_or_one(in); return;
    case P::response_information: out.response_information = in.text(); return;
    case P::server_reference: out.server_reference = in.text(); return;
    case P::reason_string: out.reason_string = in.text(); return;
    case P::receive_maximum: out.receive_maximum = not_zero(in, in.u16()); return;
    case P::topic_alias_maximum: out.topic_alias_maximum = in.u16(); return;
    case P::topic_alias: out.topic_alias = in.u16(); return;
    case P::maximum_qos: out.maximum_qos = zero_or_one(in); return;
    case P::retain_available: out.retain_available = zero_or_one(in); return;
    case P::user: read_user(in, out); return;
    case P::maximum_packet_size: out.maximum_packet_size = not_zero(in, in.u32()); return;
    case P::wildcard_available: out.wildcard_available = zero_or_one(in); return;
    case P::subscription_identifier_available: out.subscription_identifier_available = zero_or_one(in); return;
    case P::shared_available: out.shared_available = zero_or_one(in); return;
  }
}

// A PUBLISH names every subscription it matched; a user property may stand as often as it likes.
constexpr PropertySet repeatable_in(Block block) {
  return block == Block::publish ? set_of(P::user, P::subscription_identifier) : set_of(P::user);
}

void read_block(Reader& in, Block block, Properties& out) {
  const PropertySet allowed = allowed_in(block);
  const PropertySet repeatable = repeatable_in(block);
  PropertySet seen = 0;
  while (in.ok() && in.left() > 0) {
    const std::uint32_t id = in.varint();
    const PropertySet bit = id < 64 ? PropertySet{1} << id : 0;
    if ((allowed & bit) == 0) return in.malformed("a property is unknown or does not belong into this packet");
    if ((seen & bit & ~repeatable) != 0) return in.protocol_error("a property is there twice");
    seen |= bit;
    read_value(in, static_cast<P>(id), out);
  }
  if (in.ok() && out.authentication_data && !out.authentication_method) {
    in.protocol_error("Authentication Data without Authentication Method");
  }
}

}  // namespace

void read_properties(Reader& in, Block block, Properties& out) {
  const std::uint32_t size = in.varint();
  if (size == 0) return;
  Reader inner(in.take(size));
  if (!in.ok()) return;
  read_block(inner, block, out);
  if (inner.status() == DecodeStatus::malformed) in.malformed(inner.what());
  if (inner.status() == DecodeStatus::protocol_error) in.protocol_error(inner.what());
}

}  // namespace wayside::mqtt
