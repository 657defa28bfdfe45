// Which strings our formats may hold. Everything that verifies a payload uses these, so that a string that
// was accepted once can go into a topic, a label or JSON without another thought.
#pragma once

#include <string_view>

namespace wayside::schemas {

bool valid_utf8(std::string_view text);       // well-formed, no surrogates, no overlong forms (RFC 3629)
bool valid_path(std::string_view path);       // VSS path: 1..255 of [A-Za-z0-9._]
bool valid_name(std::string_view name);       // vehicle, event, group, command, edge: 1..64 of [A-Za-z0-9._-]
bool valid_catalogue(std::string_view text);  // 0..64 of [A-Za-z0-9._+-]
bool valid_code(std::string_view code);       // reasons: 0..64 of [A-Z0-9_]

}  // namespace wayside::schemas
