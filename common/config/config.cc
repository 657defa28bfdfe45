#include "common/config/config.h"

#include <charconv>

namespace wayside::config {
namespace {

template <typename Number>
Number parsed(const std::string& text) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  WAYSIDE_ASSERT(error == std::errc{} && end == text.data() + text.size());
  return out;
}

}  // namespace

const Value& Config::value(std::string_view key) const {
  const auto at = values.find(key);
  if (at == values.end()) {
    const std::string message = "configuration has a row `" + std::string(key) + "`";
    assertion_failed(message.c_str(), __FILE__, __LINE__);
  }
  return at->second;
}

std::int64_t Config::integer(std::string_view key) const { return parsed<std::int64_t>(value(key).text); }
double Config::number(std::string_view key) const { return parsed<double>(value(key).text); }
bool Config::boolean(std::string_view key) const { return value(key).text == "true"; }
const std::string& Config::text(std::string_view key) const { return value(key).text; }
const std::vector<std::string>& Config::list(std::string_view key) const { return value(key).items; }

const std::vector<Config>& Config::entries(std::string_view list_table) const {
  const auto at = lists.find(list_table);
  WAYSIDE_ASSERT(at != lists.end());
  return at->second;
}

}  // namespace wayside::config
