#include "fleet/admin.h"

#include <catch2/catch_test_macros.hpp>

namespace wayside::test {

TEST_CASE("a ports file tells where metrics are; one of an older release means 127.0.0.1") {
  const auto older = fleet::metrics_place(R"({"metrics":9100,"pid":7})");
  REQUIRE(older.ok());
  CHECK(older->host == "127.0.0.1");
  CHECK(older->port == 9100);
  const auto told = fleet::metrics_place(R"({"metrics":9100,"metrics_host":"::1","pid":7,"later":[1]})");
  REQUIRE(told.ok());
  CHECK(told->host == "::1");
}

TEST_CASE("what is no ports file is malformed and nobody is asked") {
  for (const char* text : {"", "{", "[]", "{}", R"({"metrics":"9100"})", R"({"metrics":0})", R"({"metrics":-1})",
                           R"({"metrics":65536})", R"({"metrics":1e3})", R"({"metrics":9100,"metrics_host":7})"}) {
    INFO(text);
    const auto place = fleet::metrics_place(text);
    REQUIRE_FALSE(place.ok());
    CHECK(place.error().fault == Fault::malformed);
  }
}

TEST_CASE("nothing listens there, or the host has no address: unreachable, with the place") {
  const auto refused = fleet::http_get({"127.0.0.2", 1}, "/metrics");
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.error().fault == Fault::unreachable);
  CHECK(refused.error().what.find("127.0.0.2:1/metrics") != std::string::npos);
  const auto six = fleet::http_get({"::zz", 1}, "/metrics");
  REQUIRE_FALSE(six.ok());
  CHECK(six.error().what.find("[::zz]:1/metrics") != std::string::npos);
}

}  // namespace wayside::test
