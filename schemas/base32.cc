#include "schemas/base32.h"

namespace wayside::schemas {
namespace {

using Id = std::array<std::uint8_t, 16>;

constexpr std::string_view kBase32 = "abcdefghijklmnopqrstuvwxyz234567";
constexpr std::size_t kIdChars = 26;  // 128 bits in groups of 5; the last group has 2 spare bits

}  // namespace

std::string to_base32(const Id& id) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const std::uint8_t byte : id) {
    bits = (bits << 8U | byte) & 0xFFFU;
    for (count += 8; count >= 5; count -= 5) out += kBase32[bits >> (count - 5) & 31U];
  }
  out += kBase32[bits << (5 - count) & 31U];
  return out;
}

bool parse_base32(std::string_view text, Id& out) {
  if (text.size() != kIdChars) return false;
  Id id{};
  std::size_t filled = 0;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t digit = kBase32.find(c);
    if (digit == std::string_view::npos) return false;
    bits = (bits << 5U | static_cast<std::uint32_t>(digit)) & 0xFFFU;
    count += 5;
    if (count >= 8 && filled < id.size()) {
      count -= 8;
      id[filled++] = static_cast<std::uint8_t>(bits >> count);
    }
  }
  if ((bits & ((1U << count) - 1U)) != 0) return false;  // one id has one name: padding bits are zero
  out = id;
  return true;
}

}  // namespace wayside::schemas
