#include "fleet/evidence.h"

#include <fmt/format.h>

#include <bit>
#include <charconv>
#include <nlohmann/json.hpp>

#include "intent/intent.h"

namespace wayside::fleet {
namespace {

using Json = nlohmann::json;

Error malformed(std::string what) { return Error{Fault::malformed, std::move(what)}; }

template <typename T>
bool parse_whole(const std::string& text, T& out) {
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, out);
  return parsed.ec == std::errc{} && parsed.ptr == end;
}

// The string member `key`, or empty.
std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

JsonScalar scalar_of(const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  return std::monostate{};
}

// A number of JSON as a double: a whole one may have been written for a double.
std::optional<double> number_of(const JsonScalar& scalar) {
  if (const auto* d = std::get_if<double>(&scalar)) return *d;
  if (const auto* u = std::get_if<std::uint64_t>(&scalar)) return static_cast<double>(*u);
  if (const auto* i = std::get_if<std::int64_t>(&scalar)) return static_cast<double>(*i);
  return std::nullopt;
}

std::optional<Value> claimed_value(const std::string& type, const Json& v) {
  const auto scalar = scalar_of(v);
  const auto number = number_of(scalar);
  const auto* text = std::get_if<std::string>(&scalar);
  if (type == "bool" && v.is_boolean()) return v.get<bool>();
  if (type == "double" && number) return *number;
  if (type == "float" && number) return static_cast<float>(*number);
  if (type == "string" && text != nullptr) return *text;
  std::int64_t i = 0;
  if (type == "int64" && text != nullptr && parse_whole(*text, i)) return i;
  std::uint64_t u = 0;
  if (type == "uint64" && text != nullptr && parse_whole(*text, u)) return u;
  return std::nullopt;
}

bool take_claims(const Json& signals, std::vector<Claimed>& out) {
  if (!signals.is_array()) return false;
  for (const auto& signal : signals) {
    if (!signal.is_object() || !signal.contains("v")) return false;
    auto value = claimed_value(text_of(signal, "type"), signal["v"]);
    if (!value) return false;
    out.push_back({text_of(signal, "path"), text_of(signal, "t"), std::move(*value)});
  }
  return true;
}

bool take_observed(const Json& signals, std::vector<Observed>& out) {
  if (!signals.is_array()) return false;
  for (const auto& signal : signals) {
    if (!signal.is_object() || !signal.contains("v")) return false;
    out.push_back({text_of(signal, "path"), text_of(signal, "t"), scalar_of(signal["v"])});
  }
  return true;
}

struct ToText {
  std::string operator()(std::monostate) const { return "null"; }
  std::string operator()(const std::string& v) const { return '"' + v + '"'; }
  std::string operator()(const auto& v) const { return fmt::format("{}", v); }
};

}  // namespace

Result<JournalLine> parse_journal_line(std::string_view line) {
  const auto json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return malformed("not a JSON object");
  JournalLine parsed;
  parsed.vehicle = text_of(json, "vehicle");
  const std::pair<const char*, JournalLine::Kind> kinds[] = {{"sequence", JournalLine::Kind::message},
                                                             {"acked", JournalLine::Kind::acked},
                                                             {"refused", JournalLine::Kind::refused},
                                                             {"resent", JournalLine::Kind::resent}};
  for (const auto& [key, kind] : kinds) {
    if (!json.contains(key)) continue;
    parsed.kind = kind;
    if (parsed.vehicle.empty() || !parse_whole(text_of(json, key), parsed.sequence)) break;
    if (kind != JournalLine::Kind::message) return parsed;
    parsed.topic = text_of(json, "topic");
    if (json.contains("signals") && take_claims(json["signals"], parsed.signals)) return parsed;
    break;
  }
  return malformed("not a line of a car's journal");
}

Result<SinkLine> parse_sink_line(std::string_view line) {
  const auto json = Json::parse(line, nullptr, false);
  if (!json.is_object()) return malformed("not a JSON object");
  SinkLine parsed;
  parsed.vehicle = text_of(json, "vehicle");
  const auto ids = json.find("ids");
  if (parsed.vehicle.empty() || ids == json.end() || !ids->is_array()) return malformed("vehicle or ids are missing");
  for (const auto& id : *ids) {
    if (!id.is_string()) return malformed("an id is not a string");
    parsed.ids.push_back(id.get<std::string>());
  }
  parsed.topic = text_of(json, "topic");
  if (const auto signals = json.find("signals"); signals != json.end()) {
    parsed.state = true;
    if (!take_observed(*signals, parsed.signals)) return malformed("a signal is not {path, t, v}");
    return parsed;
  }
  if (const auto payload = json.find("payload"); payload != json.end() && payload->is_object()) {
    const auto sequence = text_of(*payload, "sequence");
    if (!sequence.empty() && !parse_whole(sequence, parsed.sequence)) return malformed("a sequence is not a number");
    const auto signals = payload->find("signals");
    if (signals != payload->end() && !take_observed(*signals, parsed.signals)) {
      return malformed("a signal is not {path, t, v}");
    }
  }
  return parsed;
}

std::optional<schemas::CommandStatusMessage> parse_status_json(std::string_view text) {
  const auto json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto nested = json.find("payload");
  const auto& object = nested != json.end() && nested->is_object() ? *nested : json;
  schemas::CommandStatusMessage status;
  const auto state = schemas::parse_command_state(text_of(object, "state"));
  if (!state || !intent::parse_base32(text_of(object, "command_id"), status.command_id)) return std::nullopt;
  status.state = *state;
  status.reason = text_of(object, "reason");
  status.vehicle = text_of(object, "vehicle");
  status.edge = text_of(object, "edge");
  return status;
}

bool same_value(const Value& claimed, const JsonScalar& observed) {
  if (const auto* v = std::get_if<bool>(&claimed)) {
    const auto* o = std::get_if<bool>(&observed);
    return o != nullptr && *o == *v;
  }
  if (const auto* v = std::get_if<double>(&claimed)) {
    const auto o = number_of(observed);
    return o && std::bit_cast<std::uint64_t>(*o) == std::bit_cast<std::uint64_t>(*v);
  }
  if (const auto* v = std::get_if<float>(&claimed)) {
    const auto o = number_of(observed);
    return o && std::bit_cast<std::uint32_t>(static_cast<float>(*o)) == std::bit_cast<std::uint32_t>(*v);
  }
  const auto* o = std::get_if<std::string>(&observed);  // 64-bit integers travel as strings
  if (o == nullptr) return false;
  if (const auto* v = std::get_if<std::string>(&claimed)) return *o == *v;
  if (const auto* v = std::get_if<std::int64_t>(&claimed)) return *o == fmt::format("{}", *v);
  return *o == fmt::format("{}", std::get<std::uint64_t>(claimed));
}

std::string to_text(const Value& value) { return std::visit(ToText{}, value); }
std::string to_text(const JsonScalar& value) { return std::visit(ToText{}, value); }

}  // namespace wayside::fleet
