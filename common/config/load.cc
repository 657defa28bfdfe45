#include <algorithm>

#include "common/config/config.h"
#include "common/config/judge.h"
#include "common/config/names.h"
#include "common/os/system.h"

namespace wayside::config {
namespace {

constexpr std::size_t kFileBytesMax = 1U << 20U;

std::vector<std::string_view> keys_of(std::span<const Row> rows) {
  std::vector<std::string_view> keys;
  for (const Row& row : rows) keys.push_back(row.key);
  return keys;
}

const Row* find_row(std::span<const Row> rows, std::string_view key) {
  const auto at = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.key == key; });
  return at == rows.end() ? nullptr : &*at;
}

std::string did_you_mean(const std::string& candidate) {
  return candidate.empty() ? std::string() : "; did you mean `" + candidate + "`?";
}

std::string unknown(std::string_view what, std::string_view word, const std::vector<std::string_view>& candidates) {
  return "`" + std::string(word) + "` is not a " + std::string(what) + did_you_mean(nearest(word, candidates));
}

// Fills one Config from its sources, in the order of precedence; collects every problem on the way.
class Loader {
 public:
  Loader(const Table& table, Problems& problems) : table_(table), problems_(problems) {}

  Config take() { return std::move(config_); }

  void defaults() {
    for (const Row& row : table_.rows) config_.values.emplace(row.key, fallback_of(row));
    for (const ListTable& list : table_.lists) config_.lists[std::string(list.name)];
  }

  void file(const std::string& path) {
    readable_ = false;
    const auto content = os::read_file(path, kFileBytesMax);
    if (!content.ok()) return problem(content.error().what);
    auto document = parse_document(*content);
    if (!document.ok()) return problem(path + ":" + document.error().what);
    readable_ = true;
    file_ = path;
    sections(*document);
    for (const Setting& setting : document->settings) {
      if (!in_unknown_section(setting.key)) set_from_file(table_.rows, setting, config_);
    }
    for (const Entry& entry : document->entries) add_entry(entry);
  }

  void environment(const std::vector<std::pair<std::string, std::string>>& variables) {
    const std::string prefix = environment_prefix(table_.process);
    for (const auto& [name, value] : variables) {
      if (name.starts_with(prefix)) set_from_environment(name, value);
    }
  }

  void command_line(const std::vector<std::string>& sets) {
    for (const std::string& set : sets) {
      const std::size_t equals = set.find('=');
      if (equals == std::string::npos) {
        problem("--set " + set + ": must be key=value");
        continue;
      }
      set_from_command_line(set.substr(0, equals), std::string_view(set).substr(equals + 1));
    }
  }

  // Behind a file that could not be read everything would be missing: one problem says it all.
  void required() {
    if (!readable_) return;
    for (const Row& row : table_.rows) {
      if (!row.required || config_.values.at(std::string(row.key)).source != "default") continue;
      problem((file_.empty() ? "configuration" : file_) + ": `" + std::string(row.key) + "` is required");
    }
  }

 private:
  void problem(std::string line) { problems_.lines.push_back(std::move(line)); }
  void problem_at(std::uint32_t line, const std::string& sentence) {
    problem(file_ + ":" + std::to_string(line) + ": " + sentence);
  }

  void set(const Row& row, const Raw& raw, const std::string& source, const std::string& where, Config& into) {
    Value value;
    value.source = source;
    const std::string why_not = judge(row, raw, value);
    if (!why_not.empty()) problem(where + ": " + why_not);
    into.values[std::string(row.key)] = std::move(value);
  }

  void set_from_file(std::span<const Row> rows, const Setting& setting, Config& into) {
    const Row* row = find_row(rows, setting.key);
    if (row == nullptr) return problem_at(setting.line, unknown("setting", setting.key, keys_of(rows)));
    const std::string where = file_ + ":" + std::to_string(setting.line);
    set(*row, setting.raw, where, where, into);
  }

  void sections(const Document& document) {
    const std::vector<std::string_view> known = sections_of(table_.rows);
    for (const Section& section : document.sections) {
      if (std::find(known.begin(), known.end(), section.name) != known.end()) continue;
      if (in_unknown_section(section.name + ".")) continue;
      unknown_sections_.push_back(section.name + ".");
      const bool list = find_list(section.name) != nullptr;
      problem_at(section.line, list ? "`" + section.name + "` is a list: write [[" + section.name + "]]"
                                    : unknown("section", section.name, known));
    }
  }
  [[nodiscard]] bool in_unknown_section(std::string_view key) const {
    return std::any_of(unknown_sections_.begin(), unknown_sections_.end(),
                       [&](const std::string& section) { return key.starts_with(section); });
  }

  [[nodiscard]] const ListTable* find_list(std::string_view name) const {
    const auto at = std::find_if(table_.lists.begin(), table_.lists.end(),
                                 [&](const ListTable& list) { return list.name == name; });
    return at == table_.lists.end() ? nullptr : &*at;
  }

  void add_entry(const Entry& entry) {
    const ListTable* list = find_list(entry.list);
    if (list == nullptr) {
      std::vector<std::string_view> names;
      for (const ListTable& known : table_.lists) names.push_back(known.name);
      return problem_at(entry.line, unknown("list", entry.list, names));
    }
    Config config;
    for (const Row& row : list->rows) config.values.emplace(row.key, fallback_of(row));
    for (const Setting& setting : entry.settings) set_from_file(list->rows, setting, config);
    for (const Row& row : list->rows) {
      if (!row.required || config.values.at(std::string(row.key)).source != "default") continue;
      problem_at(entry.line, "[[" + entry.list + "]] needs `" + std::string(row.key) + "`");
    }
    config_.lists[entry.list].push_back(std::move(config));
  }

  void set_from_environment(const std::string& name, const std::string& value) {
    std::vector<std::string> names;
    for (const Row& row : table_.rows) {
      names.push_back(environment_name(table_.process, row.key));
      if (names.back() == name) {
        return set(row, raw_from_text(row.type, value), "environment", "environment " + name, config_);
      }
    }
    problem("environment: " + unknown("setting", name, {names.begin(), names.end()}));
  }

  void set_from_command_line(const std::string& key, std::string_view value) {
    const Row* row = find_row(table_.rows, key);
    if (row == nullptr) return problem("--set " + unknown("setting", key, keys_of(table_.rows)));
    set(*row, raw_from_text(row->type, value), "command line", "--set " + key, config_);
  }

  const Table& table_;
  Problems& problems_;
  Config config_;
  std::string file_;
  bool readable_ = true;
  std::vector<std::string> unknown_sections_;  // each with its dot
};

}  // namespace

std::optional<Config> load(const Table& table, const Sources& sources, Problems& problems) {
  const std::size_t before = problems.lines.size();
  Loader loader(table, problems);
  loader.defaults();
  if (!sources.file.empty()) loader.file(sources.file);
  loader.environment(sources.environment);
  loader.command_line(sources.sets);
  loader.required();
  if (problems.lines.size() != before) return std::nullopt;
  return loader.take();
}

}  // namespace wayside::config
