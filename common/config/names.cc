#include "common/config/names.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace wayside::config {
namespace {

constexpr std::size_t kDistanceMax = 3;
constexpr std::size_t kWordBytesMax = 128;

void append_upper(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '.') {
      out += "__";
    } else if (c >= 'a' && c <= 'z') {
      out += static_cast<char>(c - 'a' + 'A');
    } else {
      out += c == ' ' || c == '-' ? '_' : c;
    }
  }
}

// Levenshtein, one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row[b.size()];
}

void add_with_parents(std::string_view section, std::vector<std::string_view>& out) {
  if (section.empty() || std::find(out.begin(), out.end(), section) != out.end()) return;
  add_with_parents(section_of(section), out);
  out.push_back(section);
}

}  // namespace

std::string_view section_of(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? std::string_view{} : key.substr(0, dot);
}

std::string_view name_in_section(std::string_view key) {
  const std::size_t dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

std::vector<std::string_view> sections_of(std::span<const Row> rows) {
  std::vector<std::string_view> out;
  for (const Row& row : rows) add_with_parents(section_of(row.key), out);
  return out;
}

std::string environment_prefix(std::string_view process) {
  std::string out = "WAYSIDE_";
  append_upper(out, process);
  return out + "__";
}

std::string environment_name(std::string_view process, std::string_view key) {
  std::string out = environment_prefix(process);
  append_upper(out, key);
  return out;
}

std::string nearest(std::string_view word, std::span<const std::string_view> candidates) {
  if (word.size() > kWordBytesMax) return {};
  std::string best;
  // A word that shares nothing with the candidate is no spelling of it, however short both are.
  std::size_t best_distance = std::min(kDistanceMax + 1, word.size());
  for (const std::string_view candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    if (d >= best_distance) continue;
    best_distance = d;
    best = candidate;
  }
  return best;
}

}  // namespace wayside::config
