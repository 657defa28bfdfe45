#include "broker/session/refusals.h"

#include "common/mqtt/reasons_allowed.h"

namespace wayside::broker::session {
namespace {

constexpr std::uint8_t kUnspecified = 0x80;
constexpr std::uint8_t kImplementationSpecific = 0x83;
constexpr std::uint8_t kAdministrativeAction = 0x98;

// Reasons that a PUBACK cannot carry because the whole connection is at fault ([MQTT-3.2.2-11] and others).
bool ends_connection(Reason reason) {
  switch (reason) {
    case Reason::MALFORMED_PACKET:
    case Reason::PROTOCOL_ERROR:
    case Reason::PACKET_TOO_LARGE:
    case Reason::TOPIC_ALIAS_INVALID:
    case Reason::RETAIN_NOT_ALLOWED:
    case Reason::QOS_NOT_SUPPORTED:
    case Reason::RECEIVE_MAXIMUM_EXCEEDED:
    case Reason::SUBSCRIPTION_IDENTIFIER: return true;
    default: return false;
  }
}

// 3.2.2.3 of 3.1.1.
std::uint8_t return_code(Reason reason) {
  switch (reason) {
    case Reason::PROTOCOL_LEVEL: return 1;
    case Reason::VEHICLE_ID_MISMATCH:
    case Reason::CLIENT_ID_EMPTY: return 2;
    case Reason::SERVER_BUSY:
    case Reason::SERVER_SHUTTING_DOWN:
    case Reason::BACKOFF:
    case Reason::TOO_MANY_SESSIONS:
    case Reason::STORE_FAULT:
    case Reason::QUEUE_FULL: return 3;
    default: return 5;
  }
}

}  // namespace

Answer publish_answer(Reason reason, mqtt::Version version, std::uint8_t qos) {
  const bool later = info(reason).retry == Retry::later;
  if (version == mqtt::Version::v5) {
    if (ends_connection(reason)) return Answer::disconnect;
    return qos == 0 ? Answer::drop : Answer::puback;
  }
  return qos == 0 && later && !ends_connection(reason) ? Answer::drop : Answer::close;
}

bool penalised(Reason reason, mqtt::Version version) {
  return version == mqtt::Version::v311 && info(reason).retry != Retry::later;
}

std::uint8_t puback_code(Reason reason) {
  const std::uint8_t code = info(reason).mqtt;
  return mqtt::puback_reason(code) && code >= kUnspecified ? code : kImplementationSpecific;
}

std::uint8_t suback_code(Reason reason, mqtt::Version version) {
  if (version == mqtt::Version::v311) return kUnspecified;
  const std::uint8_t code = info(reason).mqtt;
  return mqtt::suback_reason(code) && code >= kUnspecified ? code : kUnspecified;
}

std::uint8_t connack_code(Reason reason, mqtt::Version version) {
  if (version == mqtt::Version::v311) return return_code(reason);
  const std::uint8_t code = info(reason).mqtt;
  return mqtt::connack_reason(code) && code >= kUnspecified ? code : kUnspecified;
}

std::uint8_t disconnect_code(Reason reason) {
  if (reason == Reason::BLOCKED) return kAdministrativeAction;  // 0x8A Banned is for CONNACK alone
  const std::uint8_t code = info(reason).mqtt;
  return mqtt::disconnect_reason_from_server(code) && code >= kUnspecified ? code : kUnspecified;
}

}  // namespace wayside::broker::session
