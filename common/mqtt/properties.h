// Properties of MQTT 5 (2.2.2): which packet may hold which, and how they are read.
#pragma once

#include "common/mqtt/reader.h"

namespace wayside::mqtt {

// Identifiers of 2.2.2.2, table 2-4.
enum class PropertyId : std::uint8_t {
  payload_format = 0x01,
  message_expiry = 0x02,
  content_type = 0x03,
  response_topic = 0x08,
  correlation_data = 0x09,
  subscription_identifier = 0x0B,
  session_expiry = 0x11,
  assigned_client_id = 0x12,
  server_keep_alive = 0x13,
  authentication_method = 0x15,
  authentication_data = 0x16,
  request_problem_information = 0x17,
  will_delay = 0x18,
  request_response_information = 0x19,
  response_information = 0x1A,
  server_reference = 0x1C,
  reason_string = 0x1F,
  receive_maximum = 0x21,
  topic_alias_maximum = 0x22,
  topic_alias = 0x23,
  maximum_qos = 0x24,
  retain_available = 0x25,
  user = 0x26,
  maximum_packet_size = 0x27,
  wildcard_available = 0x28,
  subscription_identifier_available = 0x29,
  shared_available = 0x2A,
};

// Set of identifiers; they all lie below 64.
using PropertySet = std::uint64_t;
template <typename... Ids>
constexpr PropertySet set_of(Ids... ids) {
  return (PropertySet{0} | ... | (PropertySet{1} << static_cast<unsigned>(ids)));
}

// Where a property block stands decides what it may hold.
enum class Block : std::uint8_t {
  connect,
  will,
  connack,
  publish,
  ack,
  subscribe,
  suback,
  unsubscribe,
  unsuback,
  disconnect_from_client,
  disconnect_from_server,
  auth,
};

// Reads property length and properties. Misplaced: malformed. Twice, or a value that 5.0 forbids: protocol
// error. Topic Alias 0 and Subscription Identifiers of a PUBLISH are left to the caller, which answers
// them with reasons of their own.
void read_properties(Reader& in, Block block, Properties& out);

}  // namespace wayside::mqtt
