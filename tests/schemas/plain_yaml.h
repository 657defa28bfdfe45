// The plain half of YAML: nested maps by two spaces, one `key: value` a line, no lists, no flow style. Enough
// to read schemas/asyncapi.yaml without a YAML library; anything else fails the test that reads it.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace wayside::schemas {

// "channels/state/address" -> value without its quotes; a map itself has an empty value.
using PlainYaml = std::map<std::string, std::string>;

inline std::string unquoted(std::string value) {
  if (value.size() >= 2 && value.front() == '\'' && value.back() == '\'') return value.substr(1, value.size() - 2);
  return value;
}

// The first line that is not plain goes to `bad_line`.
inline PlainYaml parse_plain_yaml(const std::vector<std::string>& lines, std::string& bad_line) {
  PlainYaml out;
  std::vector<std::string> path;
  for (const std::string& line : lines) {
    const std::size_t indent = line.find_first_not_of(' ');
    if (indent == std::string::npos || line[indent] == '#') continue;
    const std::size_t colon = line.find(':', indent);
    const bool ends = colon != std::string::npos && colon + 1 == line.size();
    const bool pair = colon != std::string::npos && !ends && line[colon + 1] == ' ';
    if (indent % 2 != 0 || indent / 2 > path.size() || line[indent] == '-' || (!ends && !pair)) {
      bad_line = line;
      return {};
    }
    path.resize(indent / 2);
    path.push_back(line.substr(indent, colon - indent));
    std::string key;
    for (const auto& part : path) key += (key.empty() ? "" : "/") + part;
    if (!out.emplace(key, ends ? "" : unquoted(line.substr(colon + 2))).second) {
      bad_line = "twice: " + line;
      return {};
    }
  }
  return out;
}

// Names directly below `parent`.
inline std::vector<std::string> children(const PlainYaml& yaml, const std::string& parent) {
  std::vector<std::string> names;
  const std::string prefix = parent + "/";
  for (const auto& [key, value] : yaml) {
    if (key.starts_with(prefix) && key.find('/', prefix.size()) == std::string::npos) {
      names.push_back(key.substr(prefix.size()));
    }
  }
  return names;
}

}  // namespace wayside::schemas
