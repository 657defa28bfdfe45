#include <array>
#include <utility>

#include "common/topic/topic.h"

namespace wayside::topic {
namespace {

constexpr std::array<const char*, 11> kRowNames = {"state",  "event",    "bulk",    "command",   "ack",     "request",
                                                   "status", "presence", "control", "broadcast", "ordinary"};

struct Split {
  std::string_view head;
  std::string_view tail;
  bool has_tail = false;  // there was a slash: "a/" has an empty tail, "a" has none
};

Split split(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return {text, {}, false};
  return {text.substr(0, slash), text.substr(slash + 1), true};
}

bool has_empty_level(std::string_view text) {
  return text.empty() || text.front() == '/' || text.back() == '/' || text.find("//") != std::string_view::npos;
}

// A vehicle slot that any configured id could fill (design section 1); whose it is, the gate decides.
bool id_shaped(std::string_view id) {
  if (id.empty() || id.size() > 64) return false;
  for (const char c : id) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (!letter && !(c >= '0' && c <= '9') && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

bool one_level(std::string_view text) { return !text.empty() && text.find('/') == std::string_view::npos; }

// v1/<id>/cmd/<command id> and v1/<id>/cmd/<command id>/ack.
std::optional<Parsed> command_row(std::string_view vehicle, std::string_view rest) {
  const Split id = split(rest);
  if (id.head.empty()) return std::nullopt;
  if (!id.has_tail) return Parsed{Row::command, vehicle, id.head};
  if (id.tail == "ack") return Parsed{Row::ack, vehicle, id.head};
  return std::nullopt;
}

// Rows whose own level is followed by exactly one level, or by none at all.
std::optional<Parsed> fixed_row(std::string_view word, std::string_view vehicle, const Split& level) {
  constexpr std::array<std::pair<std::string_view, Row>, 4> kOneLevel = {
      {{"event", Row::event}, {"bulk", Row::bulk}, {"status", Row::status}, {"control", Row::control}}};
  for (const auto& [name, row] : kOneLevel) {
    if (word == name && one_level(level.tail)) return Parsed{row, vehicle, level.tail};
  }
  if (level.has_tail) return std::nullopt;
  if (word == "request") return Parsed{Row::request, vehicle, {}};
  if (word == "presence") return Parsed{Row::presence, vehicle, {}};
  return std::nullopt;
}

std::optional<Parsed> vehicle_row(std::string_view text) {
  const Split vehicle = split(text);
  if (!id_shaped(vehicle.head) || !vehicle.has_tail) return std::nullopt;
  const Split level = split(vehicle.tail);
  if (level.head == "state") return Parsed{Row::state, vehicle.head, level.tail};
  if (level.head == "cmd") return command_row(vehicle.head, level.tail);
  return fixed_row(level.head, vehicle.head, level);
}

// `cmd/#`, `cmd/+`, `cmd/<id>`, `control/#`, `control/+`, `control/<name>`: what the gate sends a vehicle.
Outcome<Row> own_filter(std::string_view text) {
  const Split level = split(text);
  if (!one_level(level.tail)) return Reason::NOT_AUTHORIZED;
  if (level.head == "cmd") return Row::command;
  if (level.head == "control") return Row::control;
  return Reason::NOT_AUTHORIZED;
}

bool literal(std::string_view level) { return !level.empty() && level.find_first_of("+#") == std::string_view::npos; }

}  // namespace

const char* to_string(Row row) { return kRowNames.at(static_cast<std::size_t>(row)); }

std::optional<Parsed> classify(std::string_view name) {
  if (!valid_name(name) || has_empty_level(name)) return std::nullopt;
  const Split root = split(name);
  if (!root.has_tail) return std::nullopt;
  if (root.head == "v1") return vehicle_row(root.tail);
  if (root.head == "b") return Parsed{Row::broadcast, {}, root.tail};
  if (root.head != "x") return std::nullopt;
  const Split vehicle = split(root.tail);
  if (!id_shaped(vehicle.head) || !vehicle.has_tail) return std::nullopt;
  return Parsed{Row::ordinary, vehicle.head, vehicle.tail};
}

Outcome<Row> vehicle_filter(std::string_view filter, std::string_view vehicle, bool ordinary_enabled) {
  if (!valid_filter(filter)) return Reason::TOPIC_FILTER_INVALID;
  if (filter.starts_with("$share/")) return Reason::SHARED_SUBSCRIPTION;
  if (has_empty_level(filter)) return Reason::NOT_AUTHORIZED;
  const Split root = split(filter);
  const Split next = split(root.tail);
  if (root.head == "b") return literal(next.head) ? Outcome<Row>(Row::broadcast) : Reason::NOT_AUTHORIZED;
  if (next.head != vehicle || !next.has_tail) return Reason::NOT_AUTHORIZED;
  if (root.head == "v1") return own_filter(next.tail);
  if (root.head == "x" && ordinary_enabled) return Row::ordinary;
  return Reason::NOT_AUTHORIZED;
}

Lane lane_of(Row row) {
  switch (row) {
    case Row::state: return Lane::state;
    case Row::event:
    case Row::presence: return Lane::event;
    case Row::bulk: return Lane::bulk;
    case Row::command:
    case Row::request:
    case Row::control: return Lane::command;
    case Row::ack:
    case Row::status: return Lane::ack;
    case Row::broadcast:
    case Row::ordinary: break;
  }
  WAYSIDE_ASSERT(row != Row::broadcast && row != Row::ordinary);  // they have no lane
  return Lane::bulk;
}

}  // namespace wayside::topic
