// RFC 4648 base32, lower case, without padding: how 16-byte ids stand in topics and JSON (26 characters).
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace wayside::schemas {

std::string to_base32(const std::array<std::uint8_t, 16>& id);
// One id has one name: upper case, padding and non-zero spare bits are refused, and `out` is left alone.
bool parse_base32(std::string_view text, std::array<std::uint8_t, 16>& out);

}  // namespace wayside::schemas
