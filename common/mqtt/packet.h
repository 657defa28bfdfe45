// MQTT 3.1.1 and 5.0 control packets as values, both directions (OASIS MQTT 3.1.1 and 5.0; section
// numbers below are of 5.0). Used by the gate, its upstream connections and the simulated cars.
//
// Strings and payloads are views into the decoded bytes; a packet that must outlive them is copied.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "common/types.h"

namespace wayside::mqtt {

enum class Version : std::uint8_t { v311 = 4, v5 = 5 };

using UserProperties = std::vector<std::pair<std::string_view, std::string_view>>;

// Every property of 2.2.2.2 that we read or write. Absent is nullopt.
struct Properties {
  std::optional<std::uint8_t> payload_format;
  std::optional<std::uint32_t> message_expiry_s;
  std::optional<std::string_view> content_type;
  std::optional<std::string_view> response_topic;
  std::optional<ByteView> correlation_data;
  std::vector<std::uint32_t> subscription_identifiers;
  std::optional<std::uint32_t> session_expiry_s;
  std::optional<std::string_view> assigned_client_id;
  std::optional<std::uint16_t> server_keep_alive_s;
  std::optional<std::string_view> authentication_method;
  std::optional<ByteView> authentication_data;
  std::optional<std::uint8_t> request_problem_information;
  std::optional<std::uint32_t> will_delay_s;
  std::optional<std::uint8_t> request_response_information;
  std::optional<std::string_view> response_information;
  std::optional<std::string_view> server_reference;
  std::optional<std::string_view> reason_string;
  std::optional<std::uint16_t> receive_maximum;
  std::optional<std::uint16_t> topic_alias_maximum;
  std::optional<std::uint16_t> topic_alias;
  std::optional<std::uint8_t> maximum_qos;
  std::optional<std::uint8_t> retain_available;
  UserProperties user;
  std::optional<std::uint32_t> maximum_packet_size;
  std::optional<std::uint8_t> wildcard_available;
  std::optional<std::uint8_t> subscription_identifier_available;
  std::optional<std::uint8_t> shared_available;
};

struct Will {
  std::string_view topic;
  ByteView payload;
  std::uint8_t qos = 0;
  bool retain = false;
  Properties properties;
};

struct Connect {
  Version version = Version::v5;
  std::string_view client_id;
  bool clean_start = true;
  std::uint16_t keep_alive_s = 0;
  std::optional<Will> will;
  std::optional<std::string_view> username;
  std::optional<ByteView> password;
  Properties properties;
};
struct Connack {
  bool session_present = false;
  std::uint8_t reason = 0;  // v311: return code
  Properties properties;
};
struct Publish {
  std::string_view topic;
  ByteView payload;
  std::uint8_t qos = 0;
  bool retain = false;
  bool dup = false;
  std::uint16_t packet_id = 0;  // 0 for QoS 0
  Properties properties;
};
// PUBACK, PUBREC, PUBREL, PUBCOMP.
enum class AckKind : std::uint8_t { puback = 4, pubrec = 5, pubrel = 6, pubcomp = 7 };
struct Ack {
  AckKind kind = AckKind::puback;
  std::uint16_t packet_id = 0;
  std::uint8_t reason = 0;
  Properties properties;
};
struct Subscription {
  std::string_view filter;
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint8_t retain_handling = 0;
};
struct Subscribe {
  std::uint16_t packet_id = 0;
  std::vector<Subscription> subscriptions;
  Properties properties;
};
struct Suback {
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> reasons;
  Properties properties;
};
struct Unsubscribe {
  std::uint16_t packet_id = 0;
  std::vector<std::string_view> filters;
  Properties properties;
};
struct Unsuback {
  std::uint16_t packet_id = 0;
  std::vector<std::uint8_t> reasons;  // empty on the wire in 3.1.1
  Properties properties;
};
struct Pingreq {};
struct Pingresp {};
struct Disconnect {
  std::uint8_t reason = 0;
  Properties properties;
};
struct Auth {
  std::uint8_t reason = 0;
  Properties properties;
};

using Packet = std::variant<Connect, Connack, Publish, Ack, Subscribe, Suback, Unsubscribe, Unsuback, Pingreq, Pingresp,
                            Disconnect, Auth>;

}  // namespace wayside::mqtt
