// Default deny: what a role may publish and subscribe, by the rows of the topic table (design section 6).
#pragma once

#include <string_view>

#include "broker/session/options.h"
#include "common/mqtt/packet.h"
#include "common/reasons.h"
#include "common/topic/topic.h"

namespace wayside::broker::session {

// Whose hands a publish goes to.
enum class Effect : std::uint8_t { custody, ack, request, proxy };
struct PublishRight {
  Effect effect{};
  topic::Parsed parsed;
};

// Refusals: TOPIC_NAME_INVALID, NOT_AUTHORIZED.
Outcome<PublishRight> may_publish(const SessionOptions& options, std::string_view name);
// Refusals: TOPIC_FILTER_INVALID, SHARED_SUBSCRIPTION, NOT_AUTHORIZED.
Outcome<topic::Row> may_subscribe(const SessionOptions& options, std::string_view filter);
// A Response Topic may lead only where the peer itself may publish an ordinary message.
bool may_name_response(const SessionOptions& options, std::string_view name);
// A message that the local broker sends down: broadcast and ordinary rows only, of vehicles in scope.
bool may_receive_proxied(const SessionOptions& options, std::string_view name);

}  // namespace wayside::broker::session
