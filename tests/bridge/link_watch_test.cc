#include "bridge/run/link_watch.h"

#include <catch2/catch_test_macros.hpp>

#include "bridge/run/paho_words.h"

namespace wayside::test {
namespace {

using bridge::run::ConnectCause;
using bridge::run::explain;
using bridge::run::LinkWatch;

constexpr std::int64_t kMinuteMs = 60'000;

}  // namespace

TEST_CASE("LinkWatch: the first failure of an outage is said at once, then one a minute however often it fails") {
  ManualClock clock;
  const WallMs begun = clock.wall();
  LinkWatch watch("core.invalid:8883", clock);
  unsigned said = 0;
  for (std::int64_t ms = 0; ms < 10 * kMinuteMs; ms += 5'000, clock.advance_ms(5'000)) {
    const auto trouble = watch.failed("urgent", "refused");
    CHECK(trouble.has_value() == (ms % kMinuteMs == 0));
    if (!trouble) continue;
    ++said;
    CHECK(trouble->broker == "core.invalid:8883");
    CHECK(trouble->why == "refused");
    CHECK(trouble->since == begun);
    CHECK(trouble->failures == static_cast<std::uint64_t>(ms / 5'000) + 1);
  }
  CHECK(said == 10);
}

TEST_CASE("LinkWatch: a step of the wall clock neither silences it nor changes how long the outage was") {
  ManualClock clock;
  LinkWatch watch("core:8883", clock);
  REQUIRE(watch.failed("urgent", "refused"));
  clock.step_wall_ms(-3'600'000);
  clock.advance_ms(kMinuteMs);
  CHECK(watch.failed("urgent", "refused"));
  const auto made = watch.up();
  REQUIRE(made);
  CHECK(made->after_ms == kMinuteMs);
}

TEST_CASE("LinkWatch: what comes up says how long it was down, and the next outage is one of its own") {
  ManualClock clock;
  LinkWatch watch("core:8883", clock);
  REQUIRE(watch.failed("urgent", "refused"));
  clock.advance_ms(1'500);
  CHECK_FALSE(watch.failed("bulk", "refused"));
  const auto made = watch.up();
  REQUIRE(made);
  CHECK(made->broker == "core:8883");
  CHECK(made->after_ms == 1'500);
  CHECK(made->failures == 2);
  CHECK(made->losses == 0);

  clock.advance_ms(10'000);
  const auto lost = watch.down("it broke off");
  REQUIRE(lost);
  CHECK(lost->broker == "core:8883");
  CHECK(lost->why == "it broke off");
  CHECK(lost->times == 1);
  const WallMs begun = clock.wall();
  clock.advance_ms(200);
  const auto trouble = watch.failed("urgent", "timeout");
  REQUIRE(trouble);
  CHECK(trouble->since == begun);
  CHECK(trouble->failures == 1);
  CHECK_FALSE(watch.down("it broke off"));  // it is down already
  CHECK_FALSE(watch.failed("urgent", "timeout"));
  const auto again = watch.up();
  REQUIRE(again);
  CHECK(again->after_ms == 200);
}

TEST_CASE("LinkWatch: a link that flaps is said at once, then once a minute with how often, and when it stands") {
  ManualClock clock;
  LinkWatch watch("core:8883", clock);
  REQUIRE(watch.up());
  std::uint64_t lines = 0;
  std::uint64_t counted = 0;
  constexpr std::uint64_t kLosses = 90;
  for (std::uint64_t n = 0; n < kLosses; ++n) {  // each 2 s for three minutes
    clock.advance_ms(1'000);
    const auto lost = watch.down("it broke off");
    CHECK(lost.has_value() == (n % 30 == 0));
    lines += lost ? 1 : 0;
    counted += lost ? lost->times : 0;
    lines += watch.failed("urgent", "refused") ? 1 : 0;
    clock.advance_ms(1'000);
    const auto made = watch.up();
    lines += made ? 1 : 0;
    counted += made ? made->losses : 0;
    CHECK_FALSE(watch.stood());
  }
  CHECK(lines <= 3 * 3);
  clock.advance_ms(LinkWatch::kStoodMs - 1);
  CHECK_FALSE(watch.stood());
  clock.advance_ms(1);
  const auto stood = watch.stood();
  REQUIRE(stood);
  CHECK(stood->after_ms == 1'000);
  CHECK(counted + stood->losses == kLosses);
  CHECK_FALSE(watch.stood());
}

TEST_CASE("LinkWatch: an outage that began quietly and lasts is said within a minute, and its end at once") {
  ManualClock clock;
  LinkWatch watch("core:8883", clock);
  REQUIRE(watch.up());
  REQUIRE(watch.down("it broke off"));
  REQUIRE(watch.failed("urgent", "refused"));
  REQUIRE(watch.up());
  clock.advance_ms(2'000);
  CHECK_FALSE(watch.down("it broke off"));
  const WallMs begun = clock.wall();
  std::int64_t quiet_ms = 0;
  for (; quiet_ms <= kMinuteMs; quiet_ms += 500, clock.advance_ms(500)) {
    const auto trouble = watch.failed("urgent", "refused");
    if (!trouble) continue;
    CHECK(trouble->since == begun);
    break;
  }
  CHECK(quiet_ms <= kMinuteMs);
  const auto made = watch.up();
  REQUIRE(made);
  CHECK(made->losses == 1);
}

TEST_CASE("LinkWatch: connections that fail for reasons of their own are told apart, and one that stands is left out") {
  ManualClock clock;
  LinkWatch watch("core:8883", clock);
  REQUIRE(watch.failed("urgent", "refused"));
  CHECK_FALSE(watch.failed("bulk", "timeout"));
  clock.advance_ms(kMinuteMs);
  const auto both = watch.failed("bulk", "timeout");
  REQUIRE(both);
  CHECK(both->why == "bulk: timeout; urgent: refused");
  watch.made("urgent");
  clock.advance_ms(kMinuteMs);
  const auto one = watch.failed("bulk", "timeout");
  REQUIRE(one);
  CHECK(one->why == "timeout");
}

TEST_CASE("what Paho leaves of a failed connect becomes a cause and a sentence") {
  const auto cause = [](const bridge::run::PahoTraces& traces) { return explain(traces).cause; };
  CHECK(explain({.code = -1, .resolver = "Name or service not known"}).why ==
        "the name does not resolve: Name or service not known");
  CHECK(cause({.code = -1, .resolver = "Name or service not known", .connected = false}) == ConnectCause::name);
  CHECK(cause({.code = -1, .message = "TCP/TLS connect failure", .connected = false}) == ConnectCause::connect);
  CHECK(cause({.code = -1, .message = "TCP/TLS connect failure", .tls_begun = true, .connected = false}) ==
        ConnectCause::tls);
  CHECK(cause({.code = -1, .message = "TCP connect timeout"}) == ConnectCause::timeout);
  CHECK(cause({.code = 0x87, .message = "CONNACK return code"}) == ConnectCause::refused);
  CHECK(explain({.code = 0x87, .message = "CONNACK return code"}).why == "the broker refuses: Not authorized");
  CHECK(cause({.code = -1}) == ConnectCause::other);
  CHECK(explain({.code = -1}).why == "return code -1");
}

}  // namespace wayside::test
