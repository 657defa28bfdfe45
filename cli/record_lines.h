// Records of a lane as lines for people and for programs: `wayside spool dump` and `wayside tail`.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/spool.h"
#include "spool/lane.h"

namespace wayside::cli {

struct RecordStyle {
  bool payload = false;  // formats of ours as JSON
  // Others too: text where it is UTF-8 (escaped), hex where not, cut at so many bytes; 0: not at all. Payloads of ours
  // are cut at it in lines for people.
  std::size_t other_bytes_max = 0;
  std::optional<Lane> lane;  // named in each line
};

std::string record_json(const spool::RecordView& read, const RecordStyle& style, const VehicleNames& names);
// One line, with a second one for the payload where there is one to show.
std::string record_text(const spool::RecordView& read, const RecordStyle& style, const VehicleNames& names);

// What no terminal takes for a command: control characters of both sets and bytes that are no UTF-8 as \xNN.
std::string terminal_text(std::string_view text);

}  // namespace wayside::cli
