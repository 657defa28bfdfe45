#include "common/topic/topic.h"
#include "common/utf8.h"

namespace wayside::topic {
namespace {

bool valid_characters(std::string_view text) {
  while (!text.empty()) {
    char32_t c = 0;
    if (!utf8::next(text, c) || utf8::is_control_or_non_character(c)) return false;
  }
  return true;
}

bool valid_size(std::string_view text) {
  if (text.empty() || text.size() > kTopicBytesMax) return false;
  std::size_t levels = 1;
  for (const char c : text) levels += c == '/' ? 1 : 0;
  return levels <= kTopicLevelsMax;
}

// Takes the first level off `text`; false when there was none left.
bool next_level(std::string_view& text, std::string_view& level, bool& more) {
  if (!more) return false;
  const std::size_t slash = text.find('/');
  more = slash != std::string_view::npos;
  level = text.substr(0, slash);
  text.remove_prefix(more ? slash + 1 : text.size());
  return true;
}

// 4.7.1: `+` and `#` stand alone in their level, `#` only in the last.
bool valid_filter_level(std::string_view level, bool last) {
  if (level.find_first_of("+#") == std::string_view::npos || level == "+") return true;
  return level == "#" && last;
}

}  // namespace

bool valid_name(std::string_view name) {
  return valid_size(name) && name.find_first_of("+#") == std::string_view::npos && valid_characters(name);
}

bool valid_filter(std::string_view filter) {
  if (!valid_size(filter) || !valid_characters(filter)) return false;
  std::string_view level;
  bool more = true;
  while (next_level(filter, level, more)) {
    if (!valid_filter_level(level, !more)) return false;
  }
  return true;
}

bool matches(std::string_view filter, std::string_view name) {
  if (!name.empty() && name[0] == '$' && !filter.empty() && filter[0] != '$') return false;
  bool more_filter = true;
  bool more_name = true;
  std::string_view want;
  std::string_view have;
  while (next_level(filter, want, more_filter)) {
    if (want == "#") return true;  // the parent level too: "a/#" matches "a"
    if (!next_level(name, have, more_name)) return false;
    if (want != "+" && want != have) return false;
    if (!more_name && more_filter && filter == "#") return true;
  }
  return !more_name;
}

}  // namespace wayside::topic
