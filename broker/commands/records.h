// What the command thread writes into lanes, and reads back from the ack lane after a crash.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "command/events.h"
#include "common/types.h"

namespace wayside::broker {

std::string status_topic(const command::CommandName& name);
// The CommandStatus that services and sinks get.
Bytes status_payload(const command::Status& status, const std::string& edge);
Bytes status_record(const command::Status& status, ByteView payload);

// The audit of an answer to a request whose signatures held, as JSON on v1/<id>/request.
Bytes audit_record(const command::Answer& answer, const command::CommandName& name, WallMs at);

// The vehicle's word in a CommandAck for that command; nullopt: it is none.
std::optional<command::Word> ack_word(ByteView payload, const intent::CommandId& id);

// A record of the ack lane: our own status, a vehicle's ack, or nothing of interest.
using Scanned = std::variant<std::monostate, command::StatusKey, command::AckInLane>;
Scanned read_ack_record(ByteView body, Offset offset);

}  // namespace wayside::broker
