#include "fleet/drive/cycle.h"

#include <fmt/format.h>

#include <charconv>

namespace wayside::fleet {
namespace {

constexpr double kKmPerMile = 1.609344;

std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  auto line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

bool parse_row(std::string_view line, std::size_t expected_second, double& mph) {
  std::size_t second = 0;
  const auto* end = line.data() + line.size();
  const auto time = std::from_chars(line.data(), end, second);
  if (time.ec != std::errc{} || second != expected_second || time.ptr == end || *time.ptr != ',') return false;
  const auto speed = std::from_chars(time.ptr + 1, end, mph);
  return speed.ec == std::errc{} && speed.ptr == end && mph >= 0 && mph < 200;
}

}  // namespace

Result<Cycle> parse_cycle(std::string_view name, std::string_view csv) {
  Cycle cycle{std::string(name), {}};
  if (take_line(csv) != "time_s,speed_mph") {
    return Error{Fault::malformed, fmt::format("{}:1: expected the header time_s,speed_mph", name)};
  }
  while (!csv.empty()) {
    const auto line = take_line(csv);
    double mph = 0;
    if (!parse_row(line, cycle.speed_kmh.size(), mph)) {
      return Error{Fault::malformed, fmt::format("{}:{}: expected second {} and a speed in mph", name,
                                                 cycle.speed_kmh.size() + 2, cycle.speed_kmh.size())};
    }
    cycle.speed_kmh.push_back(mph * kKmPerMile);
  }
  if (cycle.speed_kmh.size() < 2) return Error{Fault::malformed, fmt::format("{}: no rows", name)};
  return cycle;
}

const std::vector<Cycle>& builtin_cycles() {
  static const std::vector<Cycle> cycles = [] {
    std::vector<Cycle> read;
    for (const auto& [name, csv] : {std::pair{"udds", kUddsCsv}, {"hwfet", kHwfetCsv}, {"us06", kUs06Csv}}) {
      auto cycle = parse_cycle(name, csv);
      WAYSIDE_ASSERT(cycle.ok());  // built in: a bad row is a bug of the build
      read.push_back(std::move(*cycle));
    }
    return read;
  }();
  return cycles;
}

}  // namespace wayside::fleet
