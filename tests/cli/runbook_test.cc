// docs/runbook: what stands there as a command is one, whole, so that it can be copied at 3 a.m.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;

namespace {

// Nothing of this machine is asked or changed: the folders of a pod are empty ones of this test.
std::string made_safe(std::string word, const std::string& dir) {
  if (word == "ID") return "V1";
  if (word == "HOST:PORT") return "127.0.0.1:1";
  for (const std::string root : {"/run/wayside", "/var/lib/wayside", "/tmp"}) {
    if (word.starts_with(root)) return dir + word.substr(root.size());
  }
  return word;
}

// The code spans of a page that begin with `word`, as arguments.
std::vector<std::vector<std::string>> commands(const std::filesystem::path& page, const std::string& word) {
  const std::string text = test::slurp(page);
  const std::regex span("`(" + word + " [^`\n]+)`");
  std::vector<std::vector<std::string>> all;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), span); at != std::sregex_iterator(); ++at) {
    std::istringstream words((*at)[1].str());
    std::vector<std::string> argv;
    for (std::string one; words >> one;) argv.push_back(one);
    all.push_back(std::move(argv));
  }
  return all;
}

std::vector<std::filesystem::path> pages() {
  std::vector<std::filesystem::path> all;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(WAYSIDE_SOURCE_DIR) + "/docs/runbook")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  return all;
}

constexpr const char* kSigns = "grant";  // signs with the offline root: the operator's guide has it whole
constexpr const char* kPlans = "size";   // asks for a fleet

}  // namespace

TEST_CASE("each command of ours on a runbook page is whole: it may reach nobody here, but it is no wrong use") {
  const test::TempDir dir("runbook");
  unsigned tried = 0;
  for (const auto& page : pages()) {
    for (auto argv : commands(page, "wayside")) {
      if (argv[1] == kSigns || argv[1] == kPlans) continue;
      if (argv[1] == "top") argv.emplace_back("--once");
      for (std::string& one : argv) one = made_safe(one, dir.path());
      argv[0] = std::string(WAYSIDE_BIN_DIR) + "/wayside";
      const auto ran = test::run(argv, 20'000);
      INFO(page.filename().string() << ": wayside " << argv[1] << "\n" << ran.output);
      CHECK(ran.output.find("Usage:") == std::string::npos);
      CHECK(ran.output.find("--help") == std::string::npos);
      ++tried;
    }
  }
  CHECK(tried >= 20);
}

TEST_CASE("each openssl command on a runbook page reads a file and does not wait for a terminal") {
  unsigned seen = 0;
  for (const auto& page : pages()) {
    for (const auto& argv : commands(page, "openssl")) {
      INFO(page.filename().string());
      CHECK(std::find(argv.begin(), argv.end(), "-in") != argv.end());
      ++seen;
    }
  }
  CHECK(seen >= 4);
}
