// A TOML file as flat settings with line numbers. toml++ ends here.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace wayside::config {

// A value as it was written, before its row has judged it.
struct Raw {
  enum class Kind : std::uint8_t { integer, number, boolean, text, text_list, other };
  Kind kind = Kind::other;
  std::string text;                // scalars
  std::vector<std::string> items;  // of text_list
};

struct Setting {
  std::string key;  // dotted, from the root or from its list entry
  Raw raw;
  std::uint32_t line = 0;
};

struct Section {
  std::string name;
  std::uint32_t line = 0;
};

// One [[name]].
struct Entry {
  std::string list;
  std::uint32_t line = 0;
  std::vector<Setting> settings;
};

// Everything in the order of the file.
struct Document {
  std::vector<Section> sections;
  std::vector<Setting> settings;
  std::vector<Entry> entries;
};

// What does not parse is a fault whose `what` is "line: sentence".
Result<Document> parse_document(std::string_view content);
// One value in TOML syntax: `5`, `"text"`, `["a", "b"]`.
Result<Raw> parse_value(std::string_view toml);

}  // namespace wayside::config
