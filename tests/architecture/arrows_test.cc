// The arrows of the design, checked on #include lines: the link line (cmake/WaysideTargets.cmake) checks what
// a target names, this checks what a file sees.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace fs = std::filesystem;

namespace {

// Read from cmake/WaysideTargets.cmake, so that there is one list.
std::map<std::string, std::set<std::string>> arrows() {
  std::map<std::string, std::set<std::string>> out;
  std::ifstream file(std::string(WAYSIDE_SOURCE_DIR) + "/cmake/WaysideTargets.cmake");
  std::string line;
  const std::regex row("set\\(WAYSIDE_ARROWS_([a-z]+) \"([a-z;]+)\"\\)");
  std::smatch match;
  while (std::getline(file, line)) {
    if (!std::regex_search(line, match, row)) continue;
    std::string uses = match[2];
    std::size_t start = 0;
    while (start <= uses.size()) {
      const std::size_t end = std::min(uses.find(';', start), uses.size());
      out[match[1]].insert(uses.substr(start, end - start));
      start = end + 1;
    }
  }
  return out;
}

bool is_source(const fs::path& path) { return path.extension() == ".cc" || path.extension() == ".h"; }

}  // namespace

TEST_CASE("no file includes a folder that its own folder has no arrow to") {
  const auto allowed = arrows();
  REQUIRE(allowed.size() >= 11);
  const std::regex include("^\\s*#include \"([a-z]+)/[^\"]+\"");
  std::string offences;
  std::size_t files = 0;
  for (const auto& [folder, uses] : allowed) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(WAYSIDE_SOURCE_DIR) / folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      ++files;
      std::ifstream source(entry.path());
      std::string line;
      std::smatch match;
      while (std::getline(source, line)) {
        if (!std::regex_search(line, match, include)) continue;
        const std::string used = match[1];
        if (allowed.contains(used) && !uses.contains(used)) offences += entry.path().string() + ": " + line + "\n";
      }
    }
  }
  INFO(offences);
  CHECK(files > 60);
  CHECK(offences.empty());
}

TEST_CASE("every source file stays small enough to be one noun") {
  std::string offences;
  for (const auto& [folder, uses] : arrows()) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(WAYSIDE_SOURCE_DIR) / folder)) {
      if (!entry.is_regular_file() || !is_source(entry.path())) continue;
      std::ifstream source(entry.path());
      std::size_t count = 0;
      std::string line;
      while (std::getline(source, line)) ++count;
      if (count > 600) offences += entry.path().string() + ": " + std::to_string(count) + " lines\n";
    }
  }
  INFO(offences);
  CHECK(offences.empty());
}
