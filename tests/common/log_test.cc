#include <catch2/catch_test_macros.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <thread>
#include <vector>

#include "common/log/escape.h"
#include "tests/support/temp_dir.h"

namespace wayside::log {
namespace {

TEST_CASE("log: a text line quotes what is not one plain word") {
  CHECK(text_line("wayside-broker", "started", {{"port", "1883"}, {"why", "no room"}, {"empty", ""}}) ==
        R"(wayside-broker started port=1883 why="no room" empty="")");
}

TEST_CASE("log: no byte of a value can end a line or leave its quotes") {
  CHECK(text_line("p", "e", {{"k", "a\nb\"c\\d\x1b[31m"}}) == R"(p e k="a\u000ab\"c\\d\u001b[31m")");
  CHECK(json_line("p", "e", {{"k", "\"},{\"x\":\"\n"}}) == R"("process":"p","event":"e","k":"\"},{\"x\":\"\u000a")");
}

TEST_CASE("log: a value that is UTF-8 stays readable, one that is not is shown byte by byte") {
  CHECK(json_line("p", "e", {{"k", "Grüße"}}) == R"("process":"p","event":"e","k":"Grüße")");
  CHECK(json_line("p", "e", {{"k", "\xff\xc3"}}) == R"("process":"p","event":"e","k":"\u00ff\u00c3")");
}

TEST_CASE("log: strings from peers are escaped and cut") {
  CHECK(clean("v1/x") == "v1/x");
  CHECK(clean(std::string_view("a\0b\x7f\xc3\xa4\\", 7)) == R"(a\x00b\x7f\xc3\xa4\x5c)");
  CHECK(clean("0123456789", 4) == "0123...");
  CHECK(clean("012\n", 4) == "012...");
  CHECK(clean("0123", 4) == "0123");
}

// What `work` writes to stderr.
template <typename Work>
std::string captured(Work work) {
  const test::TempDir folder("log");
  const std::string path = folder / "stderr";
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  const int saved = ::dup(STDERR_FILENO);
  ::dup2(file, STDERR_FILENO);
  work();
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(file);
  return test::slurp(path);
}

TEST_CASE("log: lines go to stderr in the format and above the level that are configured") {
  const std::string json = captured([] {
    configure({.format = Format::json, .level = Level::warning, .process = "wayside-broker"});
    info("quiet");
    warning("loud", {{"reason", "BUDGET"}});
  });
  CHECK(json.starts_with("{\"at\":\"2"));
  CHECK(json.ends_with(
      "Z\",\"level\":\"warning\",\"process\":\"wayside-broker\",\"event\":\"loud\",\"reason\":\"BUDGET\"}\n"));
  CHECK(json.find("quiet") == std::string::npos);
  const std::string text = captured([] {
    configure({.format = Format::text, .level = Level::debug, .process = "p"});
    debug("percent", {{"k", "{}%v%n"}});
  });
  CHECK(text.ends_with("Z debug p percent k={}%v%n\n"));
}

TEST_CASE("log: lines of many threads stay whole while the format changes") {
  const std::string text = captured([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) info("turn", {{"tail", "end"}});
      });
    }
    for (int i = 0; i < 5; ++i) configure({.format = Format::text, .level = Level::info, .process = "p"});
    for (auto& thread : threads) thread.join();
  });
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    REQUIRE(std::string_view(text).substr(at, end - at).ends_with("turn tail=end"));
    at = end + 1;
  }
  CHECK(lines == 800);
}

}  // namespace
}  // namespace wayside::log
