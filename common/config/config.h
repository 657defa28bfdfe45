// Configuration: one declarative row a setting; parser, checks, --help, documentation and the comparison
// with Helm values all come from the table (design section 10). TOML; toml++ stays behind this header.
//
// Precedence: default < file < environment WAYSIDE_<PROCESS>__SECTION__KEY < command line --set.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace wayside::config {

enum class Type : std::uint8_t { integer, number, boolean, text, text_list };
enum class Apply : std::uint8_t { restart, reload };

struct Row {
  std::string_view key{};  // "custody.commit_interval_ms": section and name, unit last
  Type type = Type::text;
  std::string_view fallback{};  // default as TOML text; "" with required = true has none
  std::int64_t min = 0;         // of integers
  std::int64_t max = 0;         // 0, 0: unbounded
  Apply apply = Apply::restart;
  bool required = false;
  std::string_view choices{};   // "text|json": closed set of a text
  std::string_view sentence{};  // what it does, one sentence
};

// Array of tables ([[route]], [[acl]], [[sink]], ...): each entry follows its own rows.
struct ListTable {
  std::string_view name;
  std::span<const Row> rows;
  std::string_view sentence;
};

struct Table {
  std::string_view process;  // "broker": environment prefix and heading of the docs
  std::span<const Row> rows;
  std::span<const ListTable> lists;
};

struct Value {
  std::string text;                // scalar, as text
  std::vector<std::string> items;  // of text_list
  std::string source;              // "default", "edge.toml:12", "environment", "command line"
};

class Config {
 public:
  [[nodiscard]] std::int64_t integer(std::string_view key) const;  // asserts that the row exists
  [[nodiscard]] double number(std::string_view key) const;
  [[nodiscard]] bool boolean(std::string_view key) const;
  [[nodiscard]] const std::string& text(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string>& list(std::string_view key) const;
  [[nodiscard]] const std::vector<Config>& entries(std::string_view list_table) const;
  [[nodiscard]] const Value& value(std::string_view key) const;
  std::map<std::string, Value, std::less<>> values;
  std::map<std::string, std::vector<Config>, std::less<>> lists;
};

// All problems at once, each "file:line: sentence", unknown keys with the nearest match.
struct Problems {
  std::vector<std::string> lines;
};

struct Sources {
  std::string file;                                              // empty: defaults, environment and sets only
  std::vector<std::pair<std::string, std::string>> environment;  // names and values, as given by the OS
  std::vector<std::string> sets;                                 // "custody.commit_interval_ms=5"
};

// nullopt when there is any problem.
std::optional<Config> load(const Table& table, const Sources& sources, Problems& problems);
std::string effective(const Table& table, const Config& config);  // `--print-effective`
std::string markdown(const Table& table);                         // docs/configuration.md section
// The candidate nearest to `word` (edit distance <= 3), or empty.
std::string nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace wayside::config
