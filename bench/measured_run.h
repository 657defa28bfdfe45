// A program run to its end: how long it took and the most memory it held.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::bench {

struct MeasuredRun {
  double seconds = 0;
  double cpu_seconds = 0;
  std::uint64_t memory_bytes_max = 0;  // resident
};
// stdout and stderr go to `log_file`; anything but exit status 0 is a fault with the log's last lines.
Result<MeasuredRun> run_measured(std::vector<std::string> argv, const std::string& log_file);

}  // namespace wayside::bench
