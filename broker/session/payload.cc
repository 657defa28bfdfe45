#include "broker/session/payload.h"

#include "intent/intent.h"
#include "schemas/messages.h"
#include "schemas/signal_batch.h"

namespace wayside::broker::session {
namespace {

std::string_view last_level(std::string_view text) { return text.substr(text.rfind('/') + 1); }

Outcome<PayloadInfo> judge_ack(const topic::Parsed& parsed, ByteView payload) {
  intent::CommandId id{};
  if (!intent::parse_base32(parsed.rest, id)) return Reason::COMMAND_UNKNOWN;
  if (payload.size() > kAckPayloadBytesMax) return Reason::PAYLOAD_TOO_LARGE;
  const Outcome<schemas::CommandAckMessage> ack = schemas::parse_command_ack(payload);
  if (!ack.ok()) return ack.reason();
  if (ack.value().command_id != id) return Reason::PAYLOAD_INVALID;
  return PayloadInfo{};
}

Outcome<PayloadInfo> judge_signals(const topic::Parsed& parsed, ByteView payload) {
  const Outcome<schemas::SignalBatchInfo> batch = schemas::verify_signal_batch(payload);
  if (!batch.ok()) return batch.reason();
  return PayloadInfo{batch.value().sequence, parsed.row == topic::Row::state, {}};
}

Outcome<PayloadInfo> judge_event(const topic::Parsed& parsed, ByteView payload) {
  const Outcome<schemas::EventMessage> event = schemas::parse_event(payload);
  if (!event.ok()) return event.reason();
  if (parsed.row == topic::Row::event && event.value().name != last_level(parsed.rest)) return Reason::PAYLOAD_INVALID;
  return PayloadInfo{event.value().sequence, false, {}};
}

Outcome<PayloadInfo> judge_format(const topic::Parsed& parsed, ByteView payload) {
  if (parsed.row == topic::Row::ack) return judge_ack(parsed, payload);
  const std::string_view format = schemas::claimed_format(payload);
  if (format == "WSSB") return judge_signals(parsed, payload);
  if (format == "WSEV") return judge_event(parsed, payload);
  return PayloadInfo{};
}

}  // namespace

Outcome<PayloadInfo> judge_payload(const topic::Parsed& parsed, const mqtt::Publish& packet) {
  Outcome<PayloadInfo> judged = judge_format(parsed, packet.payload);
  if (!judged.ok()) return judged;
  for (const auto& [name, value] : packet.properties.user) {
    if (name != "mid") continue;
    if (value.size() > kMidBytesMax || !judged.value().mid.empty()) return Reason::PAYLOAD_INVALID;
    judged.value().mid = value;
  }
  return judged;
}

}  // namespace wayside::broker::session
