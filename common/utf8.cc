#include "common/utf8.h"

#include <cstring>

namespace wayside::utf8 {
namespace {

struct Lead {
  std::size_t size;   // bytes of the sequence; 0: not a lead byte
  char32_t bits;      // payload bits of the lead byte
  char32_t smallest;  // below it the form is overlong
};

constexpr Lead lead_of(std::uint8_t byte) {
  if (byte < 0x80) return {1, byte, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, byte & 0x1FU, 0x80};
  if (byte < 0xF0) return {3, byte & 0x0FU, 0x800};
  if (byte < 0xF5) return {4, byte & 0x07U, 0x10000};
  return {0, 0, 0};
}

constexpr bool is_scalar(char32_t c) { return c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF); }

// Length of the leading run of ASCII without NUL, eight bytes a step: nearly every topic is only that.
std::size_t plain_run(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101ULL;
  constexpr std::uint64_t kHighs = 0x8080808080808080ULL;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, 8);
    if (((word | (word - kOnes)) & kHighs) != 0) break;
  }
  while (at < text.size() && static_cast<signed char>(text[at]) > 0) ++at;
  return at;
}

}  // namespace

bool next(std::string_view& text, char32_t& code_point) {
  if (text.empty()) return false;
  const Lead lead = lead_of(static_cast<std::uint8_t>(text[0]));
  if (lead.size == 0 || lead.size > text.size()) return false;
  char32_t value = lead.bits;
  for (std::size_t i = 1; i < lead.size; ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    if ((byte & 0xC0U) != 0x80U) return false;
    value = (value << 6U) | (byte & 0x3FU);
  }
  if (value < lead.smallest || !is_scalar(value)) return false;
  code_point = value;
  text.remove_prefix(lead.size);
  return true;
}

bool valid_mqtt(std::string_view text) {
  for (;;) {
    text.remove_prefix(plain_run(text));
    if (text.empty()) return true;
    char32_t code_point = 0;
    if (!next(text, code_point) || code_point == 0) return false;
  }
}

}  // namespace wayside::utf8
