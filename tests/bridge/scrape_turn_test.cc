#include "bridge/run/scrape_turn.h"

#include <catch2/catch_test_macros.hpp>

namespace wayside::test {

TEST_CASE("ScrapeTurn: a scrape goes on when the machine has shown what it asked for") {
  bridge::run::ScrapeTurn turn;
  CHECK(turn.wanted() == 0);
  for (int scrape = 0; scrape < 3; ++scrape) {
    bool looked = false;
    CHECK(turn.wait([&] {
      looked = turn.wanted() != 0;
      turn.shown(turn.wanted());
    }));
    CHECK(looked);
    CHECK(turn.wanted() == 0);
  }
}

TEST_CASE("ScrapeTurn: one that asks after the machine has looked waits for its next look, and never for ever") {
  bridge::run::ScrapeTurn turn;
  const std::uint64_t seen = turn.wanted();
  CHECK_FALSE(turn.wait([&] { turn.shown(seen); }));
  CHECK(turn.wanted() != 0);
  turn.shown(turn.wanted());
  CHECK(turn.wanted() == 0);
}

}  // namespace wayside::test
