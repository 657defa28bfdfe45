// One row judges one value. Internal to common/config.
#pragma once

#include <string>
#include <string_view>

#include "common/config/config.h"
#include "common/config/document.h"

namespace wayside::config {

// Fills text and items of `out` (the source is the caller's); the sentence that says why not, or empty.
std::string judge(const Row& row, const Raw& raw, Value& out);
// A value given as bare text (environment, --set): lists are separated by commas.
Raw raw_from_text(Type type, std::string_view text);
// The default of the row. A default that its own row refuses is a bug: asserts.
Value fallback_of(const Row& row);

const char* to_string(Type type);

}  // namespace wayside::config
