#include "bridge/sink/payload_json.h"

#include "bridge/sink/json_text.h"
#include "intent/intent.h"
#include "schemas/messages.h"

namespace wayside::bridge::sink {
namespace {

// One object under construction; optional text fields are left out when empty.
class Object {
 public:
  Object() : out_("{") {}
  Object& text(std::string_view name, std::string_view value) {
    append_field(out_, name);
    append_string(out_, value);
    return *this;
  }
  Object& optional(std::string_view name, std::string_view value) { return value.empty() ? *this : text(name, value); }
  Object& time(std::string_view name, WallMs at) {
    append_field(out_, name);
    append_time(out_, at);
    return *this;
  }
  Object& number(std::string_view name, std::uint64_t value) {
    append_field(out_, name);
    out_.append(std::to_string(value));
    return *this;
  }
  Object& signals(const std::vector<schemas::SignalValue>& signals) {
    append_field(out_, "signals");
    out_.push_back('[');
    append_signals(out_, signals);
    out_.push_back(']');
    return *this;
  }
  std::string done() { return std::move(out_.append("}")); }

 private:
  std::string out_;
};

std::optional<std::string> event_json(ByteView payload) {
  const Outcome<schemas::EventMessage> event = schemas::parse_event(payload);
  if (!event) return std::nullopt;
  const schemas::EventMessage& e = event.value();
  return Object()
      .text("sequence", std::to_string(e.sequence))
      .text("name", e.name)
      .time("t", e.t)
      .number("severity", e.severity)
      .optional("text", e.text)
      .signals(e.signals)
      .done();
}

std::optional<std::string> ack_json(ByteView payload) {
  const Outcome<schemas::CommandAckMessage> ack = schemas::parse_command_ack(payload);
  if (!ack) return std::nullopt;
  const schemas::CommandAckMessage& a = ack.value();
  return Object()
      .text("command_id", intent::to_base32(a.command_id))
      .text("state", schemas::to_string(a.state))
      .optional("reason", a.reason)
      .time("t", a.t)
      .done();
}

std::optional<std::string> status_json(ByteView payload) {
  const Outcome<schemas::CommandStatusMessage> status = schemas::parse_command_status(payload);
  if (!status) return std::nullopt;
  const schemas::CommandStatusMessage& s = status.value();
  return Object()
      .text("command_id", intent::to_base32(s.command_id))
      .text("vehicle", s.vehicle)
      .number("version", s.version)
      .text("state", schemas::to_string(s.state))
      .optional("reason", s.reason)
      .text("group", s.group)
      .text("name", s.name)
      .time("deadline", s.deadline)
      .time("at", s.at)
      .text("edge", s.edge)
      .done();
}

std::optional<std::string> presence_json(ByteView payload) {
  const Outcome<schemas::PresenceMessage> presence = schemas::parse_presence(payload);
  if (!presence) return std::nullopt;
  const schemas::PresenceMessage& p = presence.value();
  return Object()
      .text("vehicle", p.vehicle)
      .text("state", p.online ? "ONLINE" : "OFFLINE")
      .text("epoch", std::to_string(p.epoch))
      .time("at", p.at)
      .text("edge", p.edge)
      .optional("reason", p.reason)
      .done();
}

}  // namespace

std::optional<std::string> payload_json(ByteView payload) {
  const std::string_view format = schemas::claimed_format(payload);
  if (format == "WSEV") return event_json(payload);
  if (format == "WSCA") return ack_json(payload);
  if (format == "WSCS") return status_json(payload);
  if (format == "WSPR") return presence_json(payload);
  return std::nullopt;
}

}  // namespace wayside::bridge::sink
