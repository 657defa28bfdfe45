#include <catch2/catch_test_macros.hpp>

#include "common/log/pace.h"

namespace wayside::test {

TEST_CASE("a log pace says a thing that happens again and again at once, then once a minute with how often") {
  ManualClock clock;
  log::Pace pace(clock);
  std::uint64_t counted = 0;
  unsigned lines = 0;
  for (int second = 0; second <= 180; ++second, clock.advance_ms(1'000)) {
    const auto times = pace.happened("SPOOL_FAULT state");
    CHECK(times.has_value() == (second % 60 == 0));
    counted += times.value_or(0);
    lines += times ? 1 : 0;
    if (second == 30) CHECK(pace.happened("SPOOL_FAULT event") == 1);  // another thing waits for none
  }
  CHECK(lines == 4);
  CHECK(counted == 181);
}

TEST_CASE("the things of a log pace are bounded, and what it forgot is said at once") {
  ManualClock clock;
  log::Pace pace(clock);
  for (std::size_t n = 0; n <= log::Pace::kThingsMax; ++n, clock.advance_ms(1)) {
    CHECK(pace.happened(std::to_string(n)) == 1);
  }
  CHECK_FALSE(pace.happened(std::to_string(log::Pace::kThingsMax)));
  CHECK(pace.happened("0") == 1);
}

}  // namespace wayside::test
