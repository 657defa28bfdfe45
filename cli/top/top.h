// The screen of `wayside top`: rates between two looks at an edge, as lines no wider than the terminal and as JSON.
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/status/facts.h"
#include "common/result.h"

namespace wayside::cli {

struct LaneRates {
  double offered_per_s = 0;                         // at the door, what is refused included
  double synced_per_s = 0;                          // durable: acknowledged
  double settled_per_s = 0;                         // the core has them, or they ended otherwise
  std::map<std::string, double> turned_away_per_s;  // refused and shed, by reason
};

struct TopFacts {
  EdgeFacts edge;
  std::array<LaneRates, kLanes> lanes;
  double publishes_per_s = 0;
  double bytes_in_per_s = 0;
  double bytes_out_per_s = 0;
  double handshakes_per_s = 0;
  std::map<std::string, double> refused_per_s;  // by reason
  std::map<std::string, double> ended_per_s;    // sessions that lost their connection, by reason
  double batches_per_s = 0;
  double resent_per_s = 0;
  double link_up_bytes_per_s = 0;
  double link_down_bytes_per_s = 0;
  std::map<std::string, double> commands_per_s;  // that entered a state
};

// Fault::malformed: the answer of the admin socket is none.
Result<TopFacts> top_of(const Probe& before, const Probe& after);

// A line of the screen; what is wrong at this moment stands out.
struct TopLine {
  enum class Look : std::uint8_t { plain, heading, alarm };
  std::string text;
  Look look = Look::plain;
};
// Each at most `width` bytes long; reasons beyond `reasons_max` are told by their number.
std::vector<TopLine> top_lines(const TopFacts& facts, std::size_t width, std::size_t reasons_max);

// Lines as a terminal takes them in place of those that stand there: nothing is cleared before it is written again.
// At most `rows` of them.
std::string redrawn(const std::vector<TopLine>& lines, std::size_t rows, bool colour);

// One object; members are only added.
std::string top_json(const TopFacts& facts);

}  // namespace wayside::cli
