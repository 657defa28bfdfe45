#include "broker/commands/records.h"

#include "schemas/messages.h"
#include "schemas/record.h"

namespace wayside::broker {
namespace {

constexpr std::string_view kOther = "other";  // statuses are ours: no cohort of the vehicle's

Bytes encode(const std::string& vehicle, const std::string& topic, ByteView payload, WallMs at) {
  schemas::RecordView record;
  record.vehicle = vehicle;
  record.topic = topic;
  record.payload = payload;
  record.cohort = kOther;
  record.source_time = at;
  Bytes out;
  schemas::encode_record(record, out);
  return out;
}

// "v1/<vehicle>/<row>/<rest>" -> rest, when vehicle and row are these.
std::optional<std::string_view> rest_of(std::string_view topic, std::string_view vehicle, std::string_view row) {
  const std::string prefix = "v1/" + std::string(vehicle) + "/" + std::string(row) + "/";
  if (!topic.starts_with(prefix)) return std::nullopt;
  return topic.substr(prefix.size());
}

}  // namespace

std::string status_topic(const command::CommandName& name) {
  return "v1/" + name.vehicle + "/status/" + intent::to_base32(name.id);
}

Bytes status_payload(const command::Status& status, const std::string& edge) {
  schemas::CommandStatusMessage message;
  message.command_id = status.key.name.id;
  message.vehicle = status.key.name.vehicle;
  message.version = status.key.version;
  message.state = static_cast<schemas::CommandState>(status.state);
  message.reason = status.reason;
  message.group = status.group;
  message.name = status.what;
  message.deadline = status.deadline;
  message.at = status.at;
  message.edge = edge;
  return schemas::build_command_status(message);
}

Bytes status_record(const command::Status& status, ByteView payload) {
  return encode(status.key.name.vehicle, status_topic(status.key.name), payload, status.at);
}

Bytes audit_record(const command::Answer& answer, const command::CommandName& name, WallMs at) {
  // Every value is of an alphabet that JSON leaves alone.
  const auto text = [](std::string_view key, std::string_view value) {
    return "\"" + std::string(key) + "\":\"" + std::string(value) + "\",";
  };
  std::string json = "{" + text("id", intent::to_base32(name.id));
  json += text("outcome", answer.accepted ? "ACCEPTED" : "REFUSED");
  if (!answer.accepted) json += text("reason", code(answer.reason));
  json += text("issuer", to_hex(answer.issuer)) + text("grant", std::to_string(answer.grant_serial));
  json += std::string("\"repeated\":") + (answer.repeated ? "true}" : "false}");
  return encode(name.vehicle, "v1/" + name.vehicle + "/request", as_bytes(json), at);
}

std::optional<command::Word> ack_word(ByteView payload, const intent::CommandId& id) {
  const auto ack = schemas::parse_command_ack(payload);
  if (!ack || ack->command_id != id) return std::nullopt;
  return command::Word{static_cast<command::State>(ack->state), ack->reason};
}

Scanned read_ack_record(ByteView body, Offset offset) {
  const auto record = schemas::decode_record(body);
  if (!record) return {};
  if (rest_of(record->topic, record->vehicle, "status")) {
    const auto status = schemas::parse_command_status(record->payload);
    if (!status || status->vehicle != record->vehicle) return {};
    return command::StatusKey{{status->vehicle, status->command_id}, status->version};
  }
  auto rest = rest_of(record->topic, record->vehicle, "cmd");
  if (!rest || !rest->ends_with("/ack")) return {};
  rest->remove_suffix(4);
  intent::CommandId id{};
  if (!intent::parse_base32(*rest, id)) return {};
  auto word = ack_word(record->payload, id);
  if (!word) return {};
  return command::AckInLane{{std::string(record->vehicle), id}, std::move(*word), offset};
}

}  // namespace wayside::broker
