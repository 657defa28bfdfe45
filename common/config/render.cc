// What people read of a table: `--print-effective` and docs/configuration.md.
#include <algorithm>

#include "common/config/config.h"
#include "common/config/judge.h"
#include "common/config/names.h"

namespace wayside::config {
namespace {

std::string quoted(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') out += '\\';
    if (byte < 0x20 || byte == 0x7F) {
      out += "\\u00";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string toml_of(const Row& row, const Value& value) {
  if (row.type == Type::text) return quoted(value.text);
  if (row.type != Type::text_list) return value.text;
  std::string out = "[";
  for (const std::string& item : value.items) out += (out.size() == 1 ? "" : ", ") + quoted(item);
  return out + "]";
}

// "" first, then each section once; every one of them with its rows.
std::vector<std::string_view> groups_of(std::span<const Row> rows) {
  std::vector<std::string_view> out = {""};
  for (const std::string_view section : sections_of(rows)) out.push_back(section);
  std::erase_if(out, [&](std::string_view group) {
    return std::none_of(rows.begin(), rows.end(), [&](const Row& row) { return section_of(row.key) == group; });
  });
  return out;
}

void effective_rows(std::span<const Row> rows, std::string_view group, const Config& config, std::string& out) {
  for (const Row& row : rows) {
    if (section_of(row.key) != group) continue;
    const Value& value = config.value(row.key);
    out += std::string(name_in_section(row.key)) + " = " + toml_of(row, value) + "  # " + value.source + "\n";
  }
}

void effective_list(const ListTable& list, const Config& config, std::string& out) {
  for (const Config& entry : config.entries(list.name)) {
    out += "\n[[" + std::string(list.name) + "]]\n";
    // Dotted keys stay dotted in an entry, so that one block is one entry.
    for (const Row& row : list.rows) {
      const Value& value = entry.value(row.key);
      out += std::string(row.key) + " = " + toml_of(row, value) + "  # " + value.source + "\n";
    }
  }
}

std::string bounds_of(const Row& row) {
  if (row.min != 0 || row.max != 0) return std::to_string(row.min) + " to " + std::to_string(row.max);
  std::string out;
  std::string_view choices = row.choices;
  while (!choices.empty()) {
    const std::size_t bar = choices.find('|');
    out += (out.empty() ? "`" : ", `") + std::string(choices.substr(0, bar)) + "`";
    choices.remove_prefix(bar == std::string_view::npos ? choices.size() : bar + 1);
  }
  return out;
}

std::string default_of(const Row& row) {
  if (row.required) return "required";
  return "`" + toml_of(row, fallback_of(row)) + "`";
}

void markdown_rows(std::span<const Row> rows, std::string_view group, bool whole_key, std::string& out) {
  out += "| key | type | default | bounds | applied | what it does |\n| --- | --- | --- | --- | --- | --- |\n";
  for (const Row& row : rows) {
    if (!whole_key && section_of(row.key) != group) continue;
    out += "| `" + std::string(whole_key ? row.key : name_in_section(row.key)) + "` | " + to_string(row.type) + " | " +
           default_of(row) + " | " + bounds_of(row) + " | " + (row.apply == Apply::reload ? "reload" : "restart") +
           " | " + std::string(row.sentence) + " |\n";
  }
}

}  // namespace

std::string effective(const Table& table, const Config& config) {
  std::string out;
  for (const std::string_view group : groups_of(table.rows)) {
    if (!group.empty()) out += (out.empty() ? "[" : "\n[") + std::string(group) + "]\n";
    effective_rows(table.rows, group, config, out);
  }
  for (const ListTable& list : table.lists) effective_list(list, config, out);
  return out;
}

std::string markdown(const Table& table) {
  std::string out = "## " + std::string(table.process) + "\n\nEnvironment: `" + environment_prefix(table.process) +
                    "SECTION__KEY`.\n";
  for (const std::string_view group : groups_of(table.rows)) {
    out += group.empty() ? std::string("\n") : "\n### `[" + std::string(group) + "]`\n\n";
    markdown_rows(table.rows, group, false, out);
  }
  for (const ListTable& list : table.lists) {
    out += "\n### `[[" + std::string(list.name) + "]]`\n\n" + std::string(list.sentence) + "\n\n";
    markdown_rows(list.rows, "", true, out);
  }
  return out;
}

}  // namespace wayside::config
