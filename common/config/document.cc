#include "common/config/document.h"

#include <toml++/toml.h>

#include <algorithm>
#include <charconv>

namespace wayside::config {
namespace {

std::string shortest(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

Raw raw_list(const toml::array& array) {
  Raw raw{Raw::Kind::text_list, {}, {}};
  for (const toml::node& node : array) {
    const auto* text = node.as_string();
    if (text == nullptr) return {};
    raw.items.push_back(text->get());
  }
  return raw;
}

Raw raw_of(const toml::node& node) {
  if (const auto* v = node.as_integer()) return {Raw::Kind::integer, std::to_string(v->get()), {}};
  if (const auto* v = node.as_floating_point()) return {Raw::Kind::number, shortest(v->get()), {}};
  if (const auto* v = node.as_boolean()) return {Raw::Kind::boolean, v->get() ? "true" : "false", {}};
  if (const auto* v = node.as_string()) return {Raw::Kind::text, v->get(), {}};
  if (const auto* v = node.as_array()) return raw_list(*v);
  return {};
}

std::uint32_t line_of(const toml::key& key) { return key.source().begin.line; }

void flatten(const toml::table& table, const std::string& prefix, Document& out);

// [[name]] holds tables and nothing else; an empty array is an empty list of text.
bool is_list_of_tables(const toml::node& node) {
  const auto* array = node.as_array();
  return array != nullptr && !array->empty() && array->is_homogeneous(toml::node_type::table);
}

void add_entries(const std::string& name, const toml::array& array, Document& out) {
  for (const toml::node& node : array) {
    Document inner;
    flatten(*node.as_table(), "", inner);
    out.entries.push_back({name, node.source().begin.line, std::move(inner.settings)});
  }
}

void flatten(const toml::table& table, const std::string& prefix, Document& out) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    if (const auto* inner = node.as_table()) {
      out.sections.push_back({name, line_of(key)});
      flatten(*inner, name + ".", out);
    } else if (is_list_of_tables(node)) {
      add_entries(name, *node.as_array(), out);
    } else {
      out.settings.push_back({name, raw_of(node), line_of(key)});
    }
  }
}

template <typename Lines>
void sort_by_line(Lines& lines) {
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
}

Result<toml::table> parse(std::string_view content) {
  try {
    return toml::parse(content);
  } catch (const toml::parse_error& error) {
    const std::string line = std::to_string(error.source().begin.line);
    return Error{Fault::config, line + ": " + std::string(error.description()), 0};
  }
}

}  // namespace

Result<Document> parse_document(std::string_view content) {
  auto table = parse(content);
  if (!table.ok()) return std::move(table).error();
  Document out;
  flatten(*table, "", out);
  sort_by_line(out.sections);
  sort_by_line(out.settings);
  for (Entry& entry : out.entries) sort_by_line(entry.settings);
  return out;
}

Result<Raw> parse_value(std::string_view toml) {
  const auto table = parse("value = " + std::string(toml));
  if (!table.ok()) return table.error();
  if (table->size() != 1) return Error{Fault::config, "more than one value", 0};
  return raw_of(*table->get("value"));
}

}  // namespace wayside::config
