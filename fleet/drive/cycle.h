// Speed schedules of the US EPA: one figure a second, read from CSV ("time_s,speed_mph").
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace wayside::fleet {

struct Cycle {
  std::string name;               // "udds", "hwfet", "us06"
  std::vector<double> speed_kmh;  // index is the second
};

// Header line, then one row a second from 0 without a gap. Fault::malformed names the line.
Result<Cycle> parse_cycle(std::string_view name, std::string_view csv);
// The three schedules that are part of the program, in the order above.
const std::vector<Cycle>& builtin_cycles();

extern const char* const kUddsCsv;
extern const char* const kHwfetCsv;
extern const char* const kUs06Csv;

}  // namespace wayside::fleet
