#include "common/ring.h"

#include <catch2/catch_test_macros.hpp>
#include <deque>
#include <memory>

#include "common/rng.h"

namespace wayside {
namespace {

TEST_CASE("a ring holds what a queue holds, in order, whatever comes and goes") {
  constexpr std::uint64_t kSeed = 20211119;
  SeededRng rng(kSeed);
  Ring<int> ring;
  std::deque<int> queue;
  for (int i = 0; i < 20'000; ++i) {
    if (queue.empty() || rng.below(100) < (i % 2'000 < 1'000 ? 60U : 40U)) {
      ring.push_back(i);
      queue.push_back(i);
    } else {
      REQUIRE(ring.front() == queue.front());
      ring.pop_front();
      queue.pop_front();
    }
    REQUIRE(ring.size() == queue.size());
    if (!queue.empty()) {
      const std::size_t at = rng.below(queue.size());
      REQUIRE(ring[at] == queue[at]);
    }
    if (i % 777 == 0) ring.shrink(8);
  }
}

TEST_CASE("what leaves a ring is given back at once") {
  Ring<std::shared_ptr<int>> ring;
  const auto held = std::make_shared<int>(1);
  ring.push_back(held);
  ring.push_back(held);
  CHECK(held.use_count() == 3);
  ring.pop_front();
  CHECK(held.use_count() == 2);
  ring.clear();
  CHECK(held.use_count() == 1);
  CHECK(ring.empty());
}

}  // namespace
}  // namespace wayside
