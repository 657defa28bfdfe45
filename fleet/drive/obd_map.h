// Which column of an OBD-II recording is which VSS signal (data/obd-to-vss.toml).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace wayside::fleet {

enum class ObdType : std::uint8_t { int64, uint64, float64, float32, boolean };

struct ObdSignal {
  std::string column;  // header name without its unit in brackets
  std::string path;
  ObdType type = ObdType::float64;
  double scale = 1;
  double offset = 0;
};

// Fault::config with file, line and nearest match for each problem.
Result<std::vector<ObdSignal>> read_obd_map(const std::string& path);
// "VEHICLE_SPEED ()" is "VEHICLE_SPEED".
std::string_view column_name(std::string_view header);

}  // namespace wayside::fleet
