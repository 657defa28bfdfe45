// Documents of the repository as text, and the parts of them that are written by the tests.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace wayside::test {

inline std::filesystem::path source_dir() { return WAYSIDE_SOURCE_DIR; }

inline std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  INFO(path.string());
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// Files below `folder` whose name ends so; builds and hidden folders are none of the repository.
inline std::vector<std::filesystem::path> files_below(const std::filesystem::path& folder, std::string_view ending) {
  std::vector<std::filesystem::path> out;
  for (auto at = std::filesystem::recursive_directory_iterator(folder); at != std::filesystem::end(at); ++at) {
    const std::string name = at->path().filename().string();
    if (at->is_directory() && (name == "build" || name.starts_with("."))) at.disable_recursion_pending();
    if (at->is_regular_file() && name.ends_with(ending)) out.push_back(at->path());
  }
  return out;
}

// docs/<name> holds `generated` between the two marks. WAYSIDE_UPDATE_DOCS=1 writes it there.
inline void check_generated(const std::string& name, const std::string& generated) {
  constexpr std::string_view kBegin = "<!-- generated: WAYSIDE_UPDATE_DOCS=1 build/dev/bin/test_architecture -->\n";
  constexpr std::string_view kEnd = "<!-- end of generated -->";
  const std::filesystem::path path = source_dir() / "docs" / name;
  std::string text = text_of(path);
  const std::size_t begin = text.find(kBegin);
  REQUIRE(begin != std::string::npos);
  const std::size_t from = begin + kBegin.size();
  const std::size_t end = text.find(kEnd, from);
  REQUIRE(end != std::string::npos);
  const char* update = std::getenv("WAYSIDE_UPDATE_DOCS");
  if (update != nullptr && std::string_view(update) == "1") {
    text.replace(from, end - from, generated);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
    return;
  }
  INFO("docs/" << name << " is not what the code says; WAYSIDE_UPDATE_DOCS=1 writes it anew");
  CHECK(text.substr(from, end - from) == generated);
}

}  // namespace wayside::test
