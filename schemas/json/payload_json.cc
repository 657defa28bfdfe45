#include "schemas/base32.h"
#include "schemas/json/formats.h"
#include "schemas/json/json.h"
#include "schemas/messages.h"

namespace wayside::schemas {
namespace {

void write_signals(JsonWriter& json, const std::vector<SignalValue>& signals) {
  json.key("signals").begin_array();
  for (const SignalValue& signal : signals) write_signal(json, signal);
  json.end_array();
}

// Fields that a writer left empty are left out.
void optional_text(JsonWriter& json, std::string_view name, std::string_view value) {
  if (!value.empty()) json.key(name).text(value);
}

}  // namespace

Text signal_batch_json(ByteView payload) {
  const auto batch = parse_signal_batch(payload);
  if (!batch.ok()) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("SignalBatch").key("sequence").uint64(batch->sequence);
  optional_text(json, "catalogue", batch->catalogue);
  write_signals(json, batch->signals);
  json.end_object();
  return out;
}

Text event_json(ByteView payload) {
  const auto event = parse_event(payload);
  if (!event.ok()) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Event").key("sequence").uint64(event->sequence);
  json.key("name").text(event->name).key("t").time(event->t).key("severity").small(event->severity);
  optional_text(json, "text", event->text);
  write_signals(json, event->signals);
  json.end_object();
  return out;
}

Text command_ack_json(ByteView payload) {
  const auto ack = parse_command_ack(payload);
  if (!ack.ok()) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("CommandAck").key("command_id").text(to_base32(ack->command_id));
  json.key("state").text(to_string(ack->state));
  optional_text(json, "reason", ack->reason);
  json.key("t").time(ack->t).end_object();
  return out;
}

Text command_status_json(ByteView payload) {
  const auto status = parse_command_status(payload);
  if (!status.ok()) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("CommandStatus").key("command_id").text(to_base32(status->command_id));
  json.key("vehicle").text(status->vehicle).key("version").small(status->version);
  json.key("state").text(to_string(status->state));
  optional_text(json, "reason", status->reason);
  optional_text(json, "group", status->group);
  optional_text(json, "name", status->name);
  json.key("deadline").time(status->deadline).key("at").time(status->at);
  optional_text(json, "edge", status->edge);
  json.end_object();
  return out;
}

Text presence_json(ByteView payload) {
  const auto presence = parse_presence(payload);
  if (!presence.ok()) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Presence").key("vehicle").text(presence->vehicle);
  json.key("state").text(presence->online ? "ONLINE" : "OFFLINE").key("epoch").uint64(presence->epoch);
  json.key("at").time(presence->at);
  optional_text(json, "edge", presence->edge);
  optional_text(json, "reason", presence->reason);
  json.end_object();
  return out;
}

Text answer_json(ByteView payload) {
  const auto answer = parse_answer(payload);
  if (!answer.ok()) return std::nullopt;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("format").text("Answer").key("command_id").text(to_base32(answer->command_id));
  json.key("outcome").text(answer->outcome);
  optional_text(json, "reason", answer->reason);
  optional_text(json, "sentence", answer->sentence);
  json.end_object();
  return out;
}

}  // namespace wayside::schemas
