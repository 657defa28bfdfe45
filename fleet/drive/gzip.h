// Reads a text file that may be gzip-compressed (by its first two bytes, not by its name).
#pragma once

#include <string>

#include "common/result.h"

namespace wayside::fleet {

// Fault::no_space above `bytes_max` uncompressed bytes.
Result<std::string> read_text_or_gzip(const std::string& path, std::size_t bytes_max = 256U << 20U);

}  // namespace wayside::fleet
