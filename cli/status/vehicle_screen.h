// What an edge says of one vehicle, as an operator reads it. PURE: the edge's JSON in, text out.
#pragma once

#include <string>

#include "common/result.h"
#include "common/types.h"

namespace wayside::cli {

// `reply` is the answer to {"op":"vehicle"}, with "ok" true. What comes from peers is escaped.
Result<std::string> vehicle_text(const std::string& reply);

std::string time_text(WallMs at);  // 2026-11-25 04:00:00Z

}  // namespace wayside::cli
