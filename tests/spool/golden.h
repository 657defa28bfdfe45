// Files of the disk format as a release of that version wrote them.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <string>

#include "common/types.h"

namespace wayside::test {

inline std::string golden_path(const std::string& name) {
  return std::string(WAYSIDE_SOURCE_DIR) + "/tests/spool/golden/" + name;
}

// The first line tells the size, each other one a sector that is not zero: where it stands, and its bytes in hex.
inline void expand_golden(const std::string& name, const std::string& to) {
  std::ifstream in(golden_path(name));
  std::string word;
  std::size_t size = 0;
  REQUIRE((in >> word >> size));
  std::string content(size, '\0');
  std::size_t at = 0;
  for (std::string hex; in >> at >> hex;) {
    Bytes bytes;
    REQUIRE(from_hex(hex, bytes));
    REQUIRE(at + bytes.size() <= content.size());
    std::copy(bytes.begin(), bytes.end(), content.begin() + static_cast<std::ptrdiff_t>(at));
  }
  std::filesystem::create_directories(std::filesystem::path(to).parent_path());
  std::ofstream(to, std::ios::binary) << content;
}

}  // namespace wayside::test
