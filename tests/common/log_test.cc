#include <catch2/catch_test_macros.hpp>

#include "common/log/escape.h"

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

}  // namespace
}  // namespace wayside::log
