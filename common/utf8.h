// UTF-8 as MQTT means it (5.0 section 1.5.4): well-formed, shortest form, no surrogate, no U+0000.
#pragma once

#include <cstdint>
#include <string_view>

namespace wayside::utf8 {

// Takes one code point from the front of `text`; false (and `text` untouched) when it is ill-formed.
bool next(std::string_view& text, char32_t& code_point);

// Well-formed and without U+0000: what 1.5.4 demands of every string on the wire.
bool valid_mqtt(std::string_view text);

// C0, DEL and C1 controls, and the 66 non-characters: legal on the wire, refused by our topic grammar.
constexpr bool is_control_or_non_character(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || (c >= 0xFDD0 && c <= 0xFDEF) || (c & 0xFFFE) == 0xFFFE;
}

}  // namespace wayside::utf8
