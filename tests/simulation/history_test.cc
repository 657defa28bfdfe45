// Seeded histories of spool, link, core log and file sink. WAYSIDE_SEED=<n> tells one again.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "tests/simulation/history.h"

namespace wayside::test {
namespace {

constexpr unsigned kSteps = 400;
constexpr unsigned kHistories = 200;

std::string failures_of(Profile profile, Coverage& coverage) {
  const char* one = std::getenv("WAYSIDE_SEED");
  const std::uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const std::uint64_t count = one != nullptr ? 1 : kHistories;
  std::string failures;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Verdict verdict = run_history(write_script(seed, kSteps, profile), &coverage);
    if (verdict.kept()) continue;
    failures +=
        "\nWAYSIDE_SEED=" + std::to_string(seed) + " step " + std::to_string(verdict.step) + ": " + verdict.problem;
  }
  return failures;
}

}  // namespace

TEST_CASE("a hundred histories of crashes leave every committed record in the core log exactly once") {
  Coverage coverage;
  const std::string failures = failures_of(Profile::faults, coverage);
  INFO(failures);
  CHECK(failures.empty());
}

TEST_CASE("in histories with rot what is damaged is counted lost and nothing else is missing") {
  Coverage coverage;
  const std::string failures = failures_of(Profile::rot, coverage);
  INFO(failures);
  CHECK(failures.empty());
}

TEST_CASE("in histories where a volume comes back from an old copy FORKED is said and the core takes nothing wrong") {
  Coverage coverage;
  const std::string failures = failures_of(Profile::restored, coverage);
  INFO(failures);
  CHECK(failures.empty());
}

}  // namespace wayside::test
