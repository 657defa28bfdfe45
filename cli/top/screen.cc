#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/status/verdict.h"
#include "cli/status/words.h"
#include "cli/top/top.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::ordered_json;
using Look = TopLine::Look;

// The largest first: "BUDGET 200/s, REVOKED 3/s, 2 more".
std::string rates_text(const std::map<std::string, double>& rates, std::size_t most) {
  std::vector<std::pair<std::string, double>> sorted(rates.begin(), rates.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string out;
  for (std::size_t i = 0; i < std::min(sorted.size(), most); ++i) {
    out += fmt::format("{}{} {}/s", i == 0 ? "" : ", ", sorted[i].first, count_text(sorted[i].second));
  }
  if (sorted.size() > most) out += fmt::format(", {} more", sorted.size() - most);
  return out;
}

double total(const std::map<std::string, double>& counts) {
  double sum = 0;
  for (const auto& [name, count] : counts) sum += count;
  return sum;
}

TopLine head(const EdgeFacts& edge) {
  const Verdict verdict = judge(edge);
  const std::string how = verdict.healthy() ? "HEALTHY" : "DEGRADED " + verdict.now.front().what;
  return {fmt::format("wayside top  edge {}  {}  up {}  {:.1f} s  {}", edge.edge, edge.version,
                      duration_text(edge.uptime_s), edge.window_s, how),
          verdict.healthy() ? Look::plain : Look::alarm};
}

TopLine lane_line(const LaneFacts& lane, const LaneRates& rates, std::size_t most) {
  const std::string oldest = lane.waiting > 0 ? duration_text(lane.oldest_s) : "-";
  const std::string full = std::isinf(lane.full_in_s) ? "-"
                           : lane.full_in_s <= 0      ? "full"
                                                      : duration_text(lane.full_in_s);
  std::string text = fmt::format("{:8} {:>10} {:>10} {:>10} {:>10} {:>9} {:>9}", to_string(lane.lane),
                                 count_text(rates.offered_per_s), count_text(rates.synced_per_s),
                                 count_text(rates.settled_per_s), count_text(lane.waiting), oldest, full);
  if (!rates.turned_away_per_s.empty()) text += "  turned away: " + rates_text(rates.turned_away_per_s, most);
  const bool alarm = lane.mark == 2 || lane.forked || !rates.turned_away_per_s.empty();
  return {text, alarm ? Look::alarm : Look::plain};
}

void add_gate(const TopFacts& facts, std::size_t most, std::vector<TopLine>& out) {
  out.push_back({fmt::format("GATE     {} online  connects {}/s  handshakes {}/s  publishes {}/s  in {}/s  out {}/s",
                             count_text(facts.edge.vehicles), count_text(facts.edge.connects_per_s),
                             count_text(facts.handshakes_per_s), count_text(facts.publishes_per_s),
                             bytes_text(facts.bytes_in_per_s), bytes_text(facts.bytes_out_per_s)),
                 Look::plain});
  const std::string refused = facts.refused_per_s.empty() ? "" : " = " + rates_text(facts.refused_per_s, most);
  out.push_back({fmt::format("REFUSED  {}/s{}", count_text(total(facts.refused_per_s)), refused), Look::plain});
  const std::string ended = facts.ended_per_s.empty() ? "" : " = " + rates_text(facts.ended_per_s, most);
  out.push_back({fmt::format("ENDED    {}/s{}", count_text(total(facts.ended_per_s)), ended), Look::plain});
}

TopLine link_line(const TopFacts& facts) {
  if (!facts.edge.link) return {"LINK     bridge edge does not answer: " + facts.edge.bridge_why, Look::alarm};
  const LinkFacts& link = *facts.edge.link;
  return {
      fmt::format("LINK     {}  batches {}/s  again {}/s  up {}/s  down {}/s  last acknowledgement {}  waiting {}",
                  link.up ? "UP" : "DOWN", count_text(facts.batches_per_s), count_text(facts.resent_per_s),
                  bytes_text(facts.link_up_bytes_per_s), bytes_text(facts.link_down_bytes_per_s),
                  link.last_ack_s < 0 ? "never" : duration_text(link.last_ack_s) + " ago", count_text(link.backlog)),
      link.up ? Look::plain : Look::alarm};
}

TopLine command_line(const TopFacts& facts, std::size_t most) {
  const std::string entered = facts.commands_per_s.empty() ? "" : "  " + rates_text(facts.commands_per_s, most);
  return {fmt::format("COMMANDS open {}  outbox {}{}", count_text(facts.edge.commands.open),
                      count_text(facts.edge.commands.outbox), entered),
          Look::plain};
}

Json seconds(double value) { return std::isinf(value) ? Json() : Json(value); }

Json lane_json(const LaneFacts& lane, const LaneRates& rates) {
  return {{"lane", to_string(lane.lane)},
          {"offered_per_s", rates.offered_per_s},
          {"synced_per_s", rates.synced_per_s},
          {"settled_per_s", rates.settled_per_s},
          {"turned_away_per_s", rates.turned_away_per_s},
          {"waiting", lane.waiting},
          {"oldest_s", lane.oldest_s},
          {"full_in_s", seconds(lane.full_in_s)},
          {"mark", lane.mark}};
}

Json link_json(const TopFacts& facts) {
  if (!facts.edge.link) return {{"answers", false}, {"why", facts.edge.bridge_why}};
  const LinkFacts& link = *facts.edge.link;
  return {{"answers", true},
          {"core", link.core},
          {"up", link.up},
          {"window_s", facts.edge.link_window_s},
          {"batches_per_s", facts.batches_per_s},
          {"resent_per_s", facts.resent_per_s},
          {"up_bytes_per_s", facts.link_up_bytes_per_s},
          {"down_bytes_per_s", facts.link_down_bytes_per_s},
          {"last_ack_s", link.last_ack_s < 0 ? Json() : Json(link.last_ack_s)},
          {"backlog", link.backlog}};
}

}  // namespace

std::vector<TopLine> top_lines(const TopFacts& facts, std::size_t width, std::size_t reasons_max) {
  std::vector<TopLine> out{head(facts.edge)};
  add_gate(facts, reasons_max, out);
  out.push_back({fmt::format("{:8} {:>10} {:>10} {:>10} {:>10} {:>9} {:>9}", "LANE", "offered/s", "synced/s",
                             "settled/s", "pending", "oldest", "full in"),
                 Look::heading});
  for (const LaneFacts& lane : facts.edge.lanes) {
    out.push_back(lane_line(lane, facts.lanes[index_of(lane.lane)], reasons_max));
  }
  out.push_back(link_line(facts));
  out.push_back(command_line(facts, reasons_max));
  for (TopLine& line : out) {
    if (line.text.size() > width) line.text.resize(width);
  }
  return out;
}

std::string redrawn(const std::vector<TopLine>& lines, std::size_t rows, bool colour) {
  constexpr const char* kHome = "\x1b[H";
  constexpr const char* kRestOfLine = "\x1b[K";
  constexpr const char* kRestOfScreen = "\x1b[J";
  std::string out = kHome;
  for (std::size_t i = 0; i < std::min(lines.size(), rows); ++i) {
    const char* look = !colour                          ? ""
                       : lines[i].look == Look::alarm   ? "\x1b[31m"
                       : lines[i].look == Look::heading ? "\x1b[7m"
                                                        : "";
    out += (i == 0 ? "" : "\r\n") + (look + lines[i].text) + (*look != '\0' ? "\x1b[0m" : "") + kRestOfLine;
  }
  return out + kRestOfScreen;
}

std::string top_json(const TopFacts& facts) {
  Json lanes = Json::array();
  for (const LaneFacts& lane : facts.edge.lanes) lanes.push_back(lane_json(lane, facts.lanes[index_of(lane.lane)]));
  const Json json{{"edge", facts.edge.edge},
                  {"at_ms", facts.edge.at.value},
                  {"window_s", facts.edge.window_s},
                  {"verdict", judge(facts.edge).healthy() ? "healthy" : "degraded"},
                  {"vehicles_online", facts.edge.vehicles},
                  {"connects_per_s", facts.edge.connects_per_s},
                  {"handshakes_per_s", facts.handshakes_per_s},
                  {"publishes_per_s", facts.publishes_per_s},
                  {"bytes_in_per_s", facts.bytes_in_per_s},
                  {"bytes_out_per_s", facts.bytes_out_per_s},
                  {"refused_per_s", facts.refused_per_s},
                  {"ended_per_s", facts.ended_per_s},
                  {"lanes", std::move(lanes)},
                  {"link", link_json(facts)},
                  {"commands",
                   {{"open", facts.edge.commands.open},
                    {"outbox", facts.edge.commands.outbox},
                    {"entered_per_s", facts.commands_per_s}}}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace wayside::cli
