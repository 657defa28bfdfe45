// Event, CommandAck, CommandStatus, Presence and Answer as plain values. parse_* verifies structure and
// ranges and refuses PAYLOAD_INVALID; build_* writes what it is given. (wayside::Outcome by its full name:
// batch.fbs has an enum Outcome of its own in this namespace.)
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"
#include "schemas/signal_batch.h"

namespace wayside::schemas {

enum class CommandState : std::uint8_t;  // schemas/gen/command_generated.h has the values
std::string_view to_string(CommandState state);
std::optional<CommandState> parse_command_state(std::string_view name);
bool terminal(CommandState state);  // SUCCEEDED and everything after it

using CommandIdBytes = std::array<std::uint8_t, 16>;

inline constexpr std::size_t kEventSignalsMax = 64;
inline constexpr std::size_t kEventTextBytesMax = 1'024;
inline constexpr std::size_t kSentenceBytesMax = 512;

struct EventMessage {
  std::uint64_t sequence = 0;  // 0: none
  std::string name;            // equal to the topic's last level; the caller compares
  WallMs t{};
  std::uint8_t severity = 0;  // 0 info, 1 warning, 2 alarm
  std::string text;
  std::vector<SignalValue> signals;
};

struct CommandAckMessage {
  CommandIdBytes command_id{};
  CommandState state{};  // RECEIVED, SUCCEEDED, FAILED, REJECTED or EXPIRED
  std::string reason;
  WallMs t{};
};

struct CommandStatusMessage {
  CommandIdBytes command_id{};
  std::string vehicle;
  std::uint32_t version = 0;  // from 1
  CommandState state{};       // not NONE
  std::string reason;
  std::string group;
  std::string name;
  WallMs deadline{};
  WallMs at{};
  std::string edge;
};

struct PresenceMessage {
  std::string vehicle;
  bool online = false;
  std::uint64_t epoch = 0;
  WallMs at{};
  std::string edge;
  std::string reason;  // of offline
};

struct AnswerMessage {
  CommandIdBytes command_id{};  // all zero when the request did not even parse
  std::string outcome;          // ACCEPTED, FORWARDED or REFUSED
  std::string reason;           // of REFUSED
  std::string sentence;
};

wayside::Outcome<EventMessage> parse_event(ByteView payload);
wayside::Outcome<CommandAckMessage> parse_command_ack(ByteView payload);
wayside::Outcome<CommandStatusMessage> parse_command_status(ByteView payload);
wayside::Outcome<PresenceMessage> parse_presence(ByteView payload);
wayside::Outcome<AnswerMessage> parse_answer(ByteView payload);

Bytes build_event(const EventMessage& event);
Bytes build_command_ack(const CommandAckMessage& ack);
Bytes build_command_status(const CommandStatusMessage& status);
Bytes build_presence(const PresenceMessage& presence);
Bytes build_answer(const AnswerMessage& answer);

// The file identifier a payload claims ("WSEV", ...); empty when it is none of ours.
std::string_view claimed_format(ByteView payload);

}  // namespace wayside::schemas
