#include "schemas/messages.h"

#include <algorithm>

#include "schemas/gen/answer_generated.h"
#include "schemas/gen/commandack_generated.h"
#include "schemas/gen/commandstatus_generated.h"
#include "schemas/gen/event_generated.h"
#include "schemas/gen/presence_generated.h"
#include "schemas/ids.h"
#include "schemas/signals.h"
#include "schemas/text.h"
#include "schemas/verified.h"

namespace wayside::schemas {
namespace {

bool valid_time(std::int64_t ms) { return ms >= 0 && ms <= kTimeMsMax; }
bool name_or_empty(std::string_view text) { return text.empty() || valid_name(text); }

bool vehicle_state(CommandState state) {
  return state == CommandState::RECEIVED || state == CommandState::SUCCEEDED || state == CommandState::FAILED ||
         state == CommandState::REJECTED || state == CommandState::EXPIRED;
}

bool in_range(const Event& event) {
  return valid_name(view(event.name())) && valid_time(event.t_ms()) && event.severity() <= 2 &&
         view(event.text()).size() <= kEventTextBytesMax && valid_utf8(view(event.text())) &&
         signals_in_range(event.signals(), 0, kEventSignalsMax);
}

bool in_range(const CommandAck& ack) {
  return vehicle_state(ack.state()) && valid_code(view(ack.reason())) && valid_time(ack.t_ms());
}

bool in_range(const CommandStatus& status) {
  return valid_name(view(status.vehicle())) && status.version() > 0 && status.state() > CommandState::NONE &&
         status.state() <= CommandState::MAX && valid_code(view(status.reason())) &&
         name_or_empty(view(status.group())) && name_or_empty(view(status.name())) &&
         valid_time(status.deadline_ms()) && valid_time(status.at_ms()) && name_or_empty(view(status.edge()));
}

bool in_range(const Presence& presence) {
  return valid_name(view(presence.vehicle())) && presence.state() <= PresenceState::MAX &&
         valid_time(presence.at_ms()) && name_or_empty(view(presence.edge())) && valid_code(view(presence.reason()));
}

bool in_range(const Answer& answer) {
  const std::string_view outcome = view(answer.outcome());
  return (outcome == "ACCEPTED" || outcome == "FORWARDED" || outcome == "REFUSED") &&
         valid_code(view(answer.reason())) && view(answer.sentence()).size() <= kSentenceBytesMax &&
         valid_utf8(view(answer.sentence()));
}

std::string text(const flatbuffers::String* value) { return std::string(view(value)); }

}  // namespace

std::string_view to_string(CommandState state) { return EnumNameCommandState(state); }

std::optional<CommandState> parse_command_state(std::string_view name) {
  for (const CommandState state : EnumValuesCommandState()) {
    if (name == EnumNameCommandState(state)) return state;
  }
  return std::nullopt;
}

bool terminal(CommandState state) { return state >= CommandState::SUCCEEDED; }

Outcome<EventMessage> parse_event(ByteView payload) {
  const Verified<Event> event(payload, EventIdentifier());
  if (!event || !in_range(*event)) return Reason::PAYLOAD_INVALID;
  return EventMessage{event->sequence(), text(event->name()), {event->t_ms()},
                      event->severity(), text(event->text()), signal_values(event->signals())};
}

Outcome<CommandAckMessage> parse_command_ack(ByteView payload) {
  const Verified<CommandAck> ack(payload, CommandAckIdentifier());
  if (!ack || !in_range(*ack)) return Reason::PAYLOAD_INVALID;
  return CommandAckMessage{id_bytes(*ack->command_id()), ack->state(), text(ack->reason()), {ack->t_ms()}};
}

Outcome<CommandStatusMessage> parse_command_status(ByteView payload) {
  const Verified<CommandStatus> status(payload, CommandStatusIdentifier());
  if (!status || !in_range(*status)) return Reason::PAYLOAD_INVALID;
  CommandStatusMessage message;
  message.command_id = id_bytes(*status->command_id());
  message.vehicle = text(status->vehicle());
  message.version = status->version();
  message.state = status->state();
  message.reason = text(status->reason());
  message.group = text(status->group());
  message.name = text(status->name());
  message.deadline = {status->deadline_ms()};
  message.at = {status->at_ms()};
  message.edge = text(status->edge());
  return message;
}

Outcome<PresenceMessage> parse_presence(ByteView payload) {
  const Verified<Presence> presence(payload, PresenceIdentifier());
  if (!presence || !in_range(*presence)) return Reason::PAYLOAD_INVALID;
  return PresenceMessage{text(presence->vehicle()), presence->state() == PresenceState::ONLINE,
                         presence->epoch(),         {presence->at_ms()},
                         text(presence->edge()),    text(presence->reason())};
}

Outcome<AnswerMessage> parse_answer(ByteView payload) {
  const Verified<Answer> answer(payload, AnswerIdentifier());
  if (!answer || !in_range(*answer)) return Reason::PAYLOAD_INVALID;
  const CommandIdBytes id = answer->command_id() == nullptr ? CommandIdBytes{} : id_bytes(*answer->command_id());
  return AnswerMessage{id, text(answer->outcome()), text(answer->reason()), text(answer->sentence())};
}

Bytes build_event(const EventMessage& event) {
  flatbuffers::FlatBufferBuilder builder(256 + event.signals.size() * 96);
  const auto signals = build_signals(builder, event.signals);
  const auto name = builder.CreateString(event.name);
  const auto words = builder.CreateString(event.text);
  FinishEventBuffer(builder, CreateEvent(builder, event.sequence, name, event.t.value, event.severity, words, signals));
  return take(builder);
}

Bytes build_command_ack(const CommandAckMessage& ack) {
  flatbuffers::FlatBufferBuilder builder(128);
  const auto reason = builder.CreateString(ack.reason);
  const Id16 id = id_struct(ack.command_id);
  FinishCommandAckBuffer(builder, CreateCommandAck(builder, &id, ack.state, reason, ack.t.value));
  return take(builder);
}

Bytes build_command_status(const CommandStatusMessage& status) {
  flatbuffers::FlatBufferBuilder builder(256);
  const auto vehicle = builder.CreateString(status.vehicle);
  const auto reason = builder.CreateString(status.reason);
  const auto group = builder.CreateString(status.group);
  const auto name = builder.CreateString(status.name);
  const auto edge = builder.CreateString(status.edge);
  const Id16 id = id_struct(status.command_id);
  FinishCommandStatusBuffer(builder, CreateCommandStatus(builder, &id, vehicle, status.version, status.state, reason,
                                                         group, name, status.deadline.value, status.at.value, edge));
  return take(builder);
}

Bytes build_presence(const PresenceMessage& presence) {
  flatbuffers::FlatBufferBuilder builder(128);
  const auto vehicle = builder.CreateString(presence.vehicle);
  const auto edge = builder.CreateString(presence.edge);
  const auto reason = builder.CreateString(presence.reason);
  const PresenceState state = presence.online ? PresenceState::ONLINE : PresenceState::OFFLINE;
  FinishPresenceBuffer(builder,
                       CreatePresence(builder, vehicle, state, presence.epoch, presence.at.value, edge, reason));
  return take(builder);
}

Bytes build_answer(const AnswerMessage& answer) {
  flatbuffers::FlatBufferBuilder builder(256);
  const auto outcome = builder.CreateString(answer.outcome);
  const auto reason = builder.CreateString(answer.reason);
  const auto sentence = builder.CreateString(answer.sentence);
  const Id16 id = id_struct(answer.command_id);
  FinishAnswerBuffer(builder, CreateAnswer(builder, &id, outcome, reason, sentence));
  return take(builder);
}

std::string_view claimed_format(ByteView payload) {
  static constexpr std::array<std::string_view, 6> kFormats = {"WSSB", "WSEV", "WSCA", "WSCS", "WSPR", "WSAN"};
  if (payload.size() < 8) return {};
  const auto* found = std::ranges::find(kFormats, as_text(payload.subspan(4, 4)));
  return found == kFormats.end() ? std::string_view{} : *found;
}

}  // namespace wayside::schemas
