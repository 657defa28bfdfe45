// Topic names and topic filters (MQTT 5.0 section 4.7), and the topic table of design section 6.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::topic {

inline constexpr std::size_t kTopicBytesMax = 1024;
inline constexpr std::size_t kTopicLevelsMax = 32;

// Grammar only: non-empty, at most kTopicBytesMax, kTopicLevelsMax levels, no wildcard, no control or
// non-character code point, valid UTF-8.
bool valid_name(std::string_view name);
bool valid_filter(std::string_view filter);
// 4.7.3: `$` topics are not matched by a leading wildcard.
bool matches(std::string_view filter, std::string_view name);

// A row of the table of section 6.
enum class Row : std::uint8_t {
  state,
  event,
  bulk,
  command,
  ack,
  request,
  status,
  presence,
  control,
  broadcast,
  ordinary
};
const char* to_string(Row row);

struct Parsed {
  Row row{};
  std::string_view vehicle;  // level 1; empty for broadcast
  std::string_view rest;     // after the row's own level: VSS path, event name, stream, command id, ...
};
// Classifies a topic name; nullopt: no row (then nobody may publish it).
std::optional<Parsed> classify(std::string_view name);

// Which filters a vehicle may subscribe to: own v1/<id>/{cmd,control}/..., b/<literal>/#, x/<id>/#.
// In v1/ and x/ levels 1 and 2 are literal; in b/ level 1 is. Returns the row, or why not.
Outcome<Row> vehicle_filter(std::string_view filter, std::string_view vehicle, bool ordinary_enabled);

Lane lane_of(Row row);  // command, ack, event, state, bulk; asserts for broadcast and ordinary

}  // namespace wayside::topic
