// The lines that `wayside verify` compares, as plain values: the cars' journals (fleet/car/journal.h) and the
// core's `file` sink. nlohmann json stays behind this header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result.h"
#include "common/types.h"
#include "fleet/drive/sample.h"
#include "schemas/messages.h"

namespace wayside::fleet {

// A JSON scalar as written: whole numbers keep their text's kind, so that types can be told apart.
using JsonScalar = std::variant<std::monostate, bool, std::int64_t, std::uint64_t, double, std::string>;

struct Observed {  // a value at the far end
  std::string path;
  std::string t;  // RFC 3339, as written
  JsonScalar v;
};
struct Claimed {  // a value in a journal
  std::string path;
  std::string t;
  Value v;
};

struct JournalLine {
  enum class Kind : std::uint8_t { message, acked, refused, resent };
  Kind kind = Kind::message;
  std::string vehicle;
  std::uint64_t sequence = 0;
  std::string topic;
  std::vector<Claimed> signals;
};
// Fault::malformed for anything that is not one of the four lines.
Result<JournalLine> parse_journal_line(std::string_view line);

struct SinkLine {
  std::string vehicle;
  std::vector<std::string> ids;   // wayside-ids
  std::string topic;              // of anything but merged signals
  std::vector<Observed> signals;  // of state, or inside an event's payload
  bool state = false;             // a line of signals
  std::uint64_t sequence = 0;     // of an event's payload
};
Result<SinkLine> parse_sink_line(std::string_view line);

// A CommandStatus as JSON, alone or as the payload of a sink's object: id, state and reason.
std::optional<schemas::CommandStatusMessage> parse_status_json(std::string_view text);

// True when `observed` is exactly `claimed`: same type as JSON carries it, same bits.
bool same_value(const Value& claimed, const JsonScalar& observed);
std::string to_text(const Value& value);
std::string to_text(const JsonScalar& value);

}  // namespace wayside::fleet
