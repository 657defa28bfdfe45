#include <catch2/catch_test_macros.hpp>

#include "broker/session/backoff.h"

namespace wayside {
namespace {

using broker::session::Backoff;

TEST_CASE("backoff doubles from one second to 60 and starts over after a quiet minute") {
  Backoff backoff;
  MonoMs now{1'000};
  for (const std::int64_t expected : {1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000}) {
    backoff.refused("id", now);
    CHECK(backoff.wait_ms("id", now) == expected);
    now = now + expected;
    CHECK(backoff.wait_ms("id", now) == 0);
  }
  now = now + 60'001;
  backoff.refused("id", now);
  CHECK(backoff.wait_ms("id", now) == 1'000);
  CHECK(backoff.wait_ms("other", now) == 0);
}

TEST_CASE("backoff keeps a bounded number of ids: the one refused longest ago gives way") {
  Backoff backoff(2);
  backoff.refused("a", {0});
  backoff.refused("b", {0});
  backoff.refused("a", {1});
  backoff.refused("c", {1});
  CHECK(backoff.size() == 2);
  CHECK(backoff.wait_ms("b", {1}) == 0);
  CHECK(backoff.wait_ms("a", {1}) > 0);
  CHECK(backoff.wait_ms("c", {1}) > 0);
}

}  // namespace
}  // namespace wayside
