// How a line is composed: the part of common/log that has no thread, no clock and no stream.
#pragma once

#include <string>
#include <string_view>

#include "common/log/log.h"

namespace wayside::log {

// `process event key=value key="value with spaces"`.
std::string text_line(std::string_view process, std::string_view event, Fields fields);
// The members of a JSON object without its braces: "process":"..","event":"..","key":"value".
std::string json_line(std::string_view process, std::string_view event, Fields fields);

}  // namespace wayside::log
