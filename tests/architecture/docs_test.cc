// What documents point at exists: links, tests and commands, listeners, metrics.
#include <algorithm>
#include <map>
#include <regex>
#include <set>

#include "bridge/run/config.h"
#include "broker/config.h"
#include "common/reasons.h"
#include "tests/architecture/documents.h"

namespace fs = std::filesystem;

namespace wayside::test {
namespace {

using Strings = std::set<std::string>;

// Group 1 of every match.
Strings all_matches(const std::string& text, const std::regex& pattern) {
  Strings out;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), pattern); at != std::sregex_iterator(); ++at) {
    out.insert((*at)[1].str());
  }
  return out;
}

std::string joined(const Strings& words) {
  std::string out;
  for (const std::string& word : words) out += word + "\n";
  return out;
}

Strings without(const Strings& from, const Strings& what) {
  Strings out;
  std::set_difference(from.begin(), from.end(), what.begin(), what.end(), std::inserter(out, out.begin()));
  return out;
}

// The cells of every row of every table in a document, headings and rulers left out.
std::vector<std::vector<std::string>> table_rows(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::istringstream lines(text);
  std::string before;
  for (std::string line; std::getline(lines, line); before = line) {
    if (line.starts_with("| ---") && !rows.empty()) rows.pop_back();  // what stands above is the heading
    if (!line.starts_with("| ") || line.starts_with("| ---")) continue;
    std::vector<std::string> cells;
    for (std::size_t at = 2; at < line.size();) {
      const std::size_t end = std::min(line.find(" |", at), line.size());
      cells.push_back(line.substr(at, end - at));
      at = end + 3;
    }
    rows.push_back(std::move(cells));
  }
  return rows;
}

Strings test_names() {
  static const std::regex kCase(R"re(TEST_CASE\(\s*"((?:[^"\\]|\\.)*)")re");
  Strings names;
  for (const fs::path& path : files_below(source_dir() / "tests", "_test.cc")) {
    names.merge(all_matches(text_of(path), kCase));
  }
  return names;
}

// "./dev soak kill" names a script of scripts/dev/; its second word a function of that script, and the program that
// the function runs is a target.
bool command_exists(const std::string& command) {
  static const std::regex kCommand(R"(\./dev ([a-z]+)(?: ([a-z]+))?)");
  std::smatch match;
  if (!std::regex_match(command, match, kCommand)) return false;
  const fs::path script = source_dir() / "scripts/dev" / (match[1].str() + ".sh");
  if (!fs::exists(script) || !match[2].matched) return fs::exists(script);
  const std::string name = match[1].str() + "_" + match[2].str();
  const std::string text = text_of(script);
  if (text.find(name + "()") == std::string::npos) return false;
  if (text.find("bin/" + name) == std::string::npos) return true;
  for (const fs::path& list : files_below(source_dir() / "tests", "CMakeLists.txt")) {
    if (text_of(list).find("add_executable(" + name + " ") != std::string::npos) return true;
  }
  return false;
}

Strings listener_keys(const config::Table& table) {
  Strings keys;
  for (const config::Row& row : table.rows) {
    if (row.key.ends_with(".listen") || row.key.ends_with("socket")) {
      keys.insert(std::string(table.process) + " " + std::string(row.key));
    }
  }
  return keys;
}

// Keys of the three tables, and of their list tables as "list.key"; `custody.lane_<lane>_bytes_max` stands for five.
Strings configuration_keys() {
  Strings keys{"custody.lane_<lane>_bytes_max"};
  for (const config::Table& table : {broker::config_table(), bridge::run::edge_table(), bridge::run::core_table()}) {
    for (const config::Row& row : table.rows) keys.insert(std::string(row.key));
    for (const config::ListTable& list : table.lists) {
      for (const config::Row& row : list.rows) keys.insert(std::string(list.name) + "." + std::string(row.key));
    }
  }
  return keys;
}

Strings sections_of(const Strings& keys) {
  Strings sections;
  for (const std::string& key : keys) sections.insert(key.substr(0, key.find('.')));
  return sections;
}

Strings names_in_sources(const std::vector<std::string>& folders, const std::regex& pattern) {
  Strings names;
  for (const std::string& folder : folders) {
    for (const char* ending : {".cc", ".h"}) {
      for (const fs::path& path : files_below(source_dir() / folder, ending)) {
        names.merge(all_matches(text_of(path), pattern));
      }
    }
  }
  return names;
}

}  // namespace

TEST_CASE("every relative link of a document leads to a file or folder") {
  static const std::regex kLink(R"(\]\(([^)#\s]+)(?:#[^)]*)?\))");
  std::string broken;
  std::size_t links = 0;
  for (const fs::path& path : files_below(source_dir(), ".md")) {
    for (const std::string& link : all_matches(text_of(path), kLink)) {
      if (link.find(':') != std::string::npos) continue;  // of another place
      ++links;
      if (!fs::exists(path.parent_path() / link)) broken += path.string() + ": " + link + "\n";
    }
  }
  INFO(broken);
  CHECK(links > 10);
  CHECK(broken.empty());
}

TEST_CASE("every test and command that failure-modes.md names exists") {
  static const std::regex kQuoted("`([^`]+)`");
  const Strings tests = test_names();
  REQUIRE(tests.size() > 100);
  std::string unknown;
  std::size_t rows = 0;
  for (const auto& cells : table_rows(text_of(source_dir() / "docs/failure-modes.md"))) {
    ++rows;
    INFO(cells.front());
    REQUIRE(cells.size() == 3);
    const Strings quoted = all_matches(cells.back(), kQuoted);
    if (quoted.empty() && cells.back() != "no test yet") unknown += cells.front() + ": says nothing\n";
    for (const std::string& name : quoted) {
      if (!tests.contains(name) && !command_exists(name)) unknown += name + "\n";
    }
  }
  INFO(unknown);
  CHECK(rows > 20);
  CHECK(unknown.empty());
}

TEST_CASE("every listener and socket has a row in security.md") {
  Strings expected = listener_keys(broker::config_table());
  expected.merge(listener_keys(bridge::run::edge_table()));
  expected.merge(listener_keys(bridge::run::core_table()));
  REQUIRE(expected.size() >= 6);
  const std::string text = text_of(source_dir() / "docs/security.md");
  const Strings told = all_matches(text, std::regex("`((?:broker|bridge_edge|bridge_core) [a-z_.]+)`"));
  INFO("not in the table:\n" << joined(without(expected, told)) << "no such key:\n" << joined(without(told, expected)));
  CHECK(told == expected);
  const Strings sockets = names_in_sources({"broker", "bridge"}, std::regex(R"re("(?:[^"]*/)?([a-z]+\.sock)")re"));
  CHECK(sockets.size() >= 3);
  for (const std::string& socket : sockets) {
    INFO(socket);
    CHECK(text.find("/" + socket) != std::string::npos);
  }
}

TEST_CASE("every configuration key and reason that a document quotes exists") {
  static const std::regex kKey("`(?:(?:broker|bridge_edge|bridge_core) )?([a-z_]+\\.[a-z_<>]+)`");
  static const std::regex kReason("`(?:[a-z]+ )?([A-Z]+(?:_[A-Z]+)+)`");
  const Strings keys = configuration_keys();
  const Strings sections = sections_of(keys);
  Strings unknown;
  std::size_t checked = 0;
  for (const fs::path& path : files_below(source_dir() / "docs", ".md")) {
    const std::string text = text_of(path);
    for (const std::string& key : all_matches(text, kKey)) {
      if (!sections.contains(key.substr(0, key.find('.'))) || key.ends_with(".db")) continue;  // a file
      ++checked;
      if (!keys.contains(key)) unknown.insert(path.filename().string() + ": " + key);
    }
    for (const std::string& reason : all_matches(text, kReason)) {
      ++checked;
      if (!parse_reason(reason)) unknown.insert(path.filename().string() + ": " + reason);
    }
  }
  INFO(joined(unknown));
  CHECK(checked > 100);
  CHECK(unknown.empty());
}

TEST_CASE("metrics.md has every metric that the code registers, and no other") {
  const Strings registered = names_in_sources({"broker", "bridge", "command", "common", "spool"},
                                              std::regex("\"(wayside_[a-z0-9_]*[a-z0-9])\""));
  Strings told;
  for (const auto& cells : table_rows(text_of(source_dir() / "docs/metrics.md"))) {
    told.merge(all_matches(cells.front(), std::regex("`(wayside_[a-z0-9_]+)`")));
  }
  REQUIRE(registered.size() > 30);
  INFO("not in the document:\n"
       << joined(without(registered, told)) << "not in the code:\n"
       << joined(without(told, registered)));
  CHECK(told == registered);
}

}  // namespace wayside::test
