#include "schemas/text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace wayside::schemas {
namespace {

bool alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool all_of(std::string_view text, std::string_view extra) {
  return std::ranges::all_of(text, [&](char c) { return alphanumeric(c) || extra.find(c) != std::string_view::npos; });
}

// Bytes of the well-formed sequence at the start of `text` (RFC 3629 section 4); 0: ill-formed.
std::size_t sequence_bytes(std::string_view text) {
  const auto at = [&](std::size_t i) -> std::uint32_t {
    return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0U;
  };
  const auto continues = [&](std::size_t i) { return (at(i) & 0xC0U) == 0x80U; };
  const std::uint32_t lead = at(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    const std::uint32_t point = (lead & 0x0FU) << 12U | (at(1) & 0x3FU) << 6U | (at(2) & 0x3FU);
    const bool good = continues(1) && continues(2) && point >= 0x800 && (point < 0xD800 || point > 0xDFFF);
    return good ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    const std::uint32_t point =
        (lead & 0x07U) << 18U | (at(1) & 0x3FU) << 12U | (at(2) & 0x3FU) << 6U | (at(3) & 0x3FU);
    return continues(1) && continues(2) && continues(3) && point >= 0x10000 && point <= 0x10FFFF ? 4 : 0;
  }
  return 0;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t bytes = sequence_bytes(text);
    if (bytes == 0) return false;
    text.remove_prefix(bytes);
  }
  return true;
}

bool valid_path(std::string_view path) { return !path.empty() && path.size() <= 255 && all_of(path, "._"); }

bool valid_name(std::string_view name) { return !name.empty() && name.size() <= 64 && all_of(name, "._-"); }

bool valid_catalogue(std::string_view text) { return text.size() <= 64 && all_of(text, "._+-"); }

bool valid_code(std::string_view code) {
  return code.size() <= 64 &&
         std::ranges::all_of(code, [](char c) { return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace wayside::schemas
