// What a refused packet is answered, by reason, version and QoS. docs/refusals.md is this table in words;
// a test drives a session through every row of it.
#pragma once

#include <cstdint>

#include "common/mqtt/packet.h"
#include "common/reasons.h"

namespace wayside::broker::session {

enum class Answer : std::uint8_t {
  drop,        // counted, nothing is sent: QoS 0 has no acknowledgement
  puback,      // PUBACK with puback_code(reason) and the reason's word
  disconnect,  // DISCONNECT with the reason, then closed
  close,       // closed without a word: 3.1.1 has none
};

// Of a PUBLISH.
Answer publish_answer(Reason reason, mqtt::Version version, std::uint8_t qos);
// A 3.1.1 peer that was closed for a denied publish resends it at once: its reconnects are delayed.
// Not when the refusal is a matter of room: then it shall come back.
bool penalised(Reason reason, mqtt::Version version);

// The reason's MQTT 5 code where the packet may carry it, else the nearest that it may.
std::uint8_t puback_code(Reason reason);
std::uint8_t suback_code(Reason reason, mqtt::Version version);
std::uint8_t connack_code(Reason reason, mqtt::Version version);
std::uint8_t disconnect_code(Reason reason);

}  // namespace wayside::broker::session
