#include <catch2/catch_test_macros.hpp>

#include "tests/command/command_history.h"

using namespace wayside;
using namespace wayside::test;

TEST_CASE("in two hundred seeded histories every command has one outcome that agrees with its vehicle") {
  std::map<std::string, int> outcomes;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    CHECK(run_command_history(seed, outcomes).empty());
  }
  // The histories reach what they are about.
  for (const char* state : {"SUCCEEDED", "EXPIRED", "SUPERSEDED", "UNKNOWN_OUTCOME"}) {
    INFO(state);
    CHECK(outcomes[state] > 20);
  }
}

TEST_CASE("a gate that does not look at the deadline again is found within ten histories") {
  std::map<std::string, int> outcomes;
  std::string problem;
  for (std::uint64_t seed = 1; seed <= 10 && problem.empty(); ++seed) {
    problem = run_command_history(seed, outcomes, false);
  }
  CHECK_FALSE(problem.empty());
}
