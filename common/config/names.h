// Names derived from a key: its section, its environment variable. Internal to common/config.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace wayside::config {

// "custody.commit_interval_ms" -> "custody"; "" when the key has no section.
std::string_view section_of(std::string_view key);
std::string_view name_in_section(std::string_view key);
// Every section and its parents, in the order of the rows, each once.
std::vector<std::string_view> sections_of(std::span<const Row> rows);
// "WAYSIDE_BROKER__" and "WAYSIDE_BROKER__CUSTODY__COMMIT_INTERVAL_MS".
std::string environment_prefix(std::string_view process);
std::string environment_name(std::string_view process, std::string_view key);

}  // namespace wayside::config
