// Seeded histories of spool, link, core log and file sink. WAYSIDE_SEED=<n> tells one again.
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>

#include "tests/simulation/planted.h"
#include "tests/simulation/shrink.h"

namespace wayside::test {
namespace {

constexpr unsigned kSteps = 400;
constexpr unsigned kHistories = 100;

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
  CHECK(coverage.hits(Struck::rot_sealed, Stake::unsent) > 0);
  CHECK(coverage.hits(Struck::rot_tail, Stake::unsent) > 0);
  CHECK(coverage.hits(Struck::rot_core_log, Stake::unsent) > 0);
}

TEST_CASE("histories of a volume from an old copy: it goes on under another uuid, and nothing is missing or twice") {
  Coverage coverage;
  const std::string failures = failures_of(Profile::restored, coverage);
  INFO(failures);
  CHECK(failures.empty());
  CHECK(coverage.hits(Struck::volume_restored, Stake::unanswered) > 0);
  CHECK(coverage.moves() > 10);
  CHECK(coverage.not_exact() == 0);
}

TEST_CASE("each planted bug is found within its number of histories") {
  for (const Planted& bug : planted_bugs()) {
    INFO(bug.name);
    CHECK(find(bug).found);
  }
}

TEST_CASE("a failing history is cut down to steps that still fail, and told again it fails the same way") {
  const Planted& bug = planted_bugs().front();
  const Script script = write_script(1, kPlantedSteps, Profile::faults);
  const auto fails = [&](const Script& told) { return !run_history(told, nullptr, bug.plant).kept(); };
  REQUIRE(fails(script));
  const Script small = shrink(script, fails, 400);
  CHECK(small.steps.size() < 40);
  const Verdict first = run_history(small, nullptr, bug.plant);
  const Verdict second = run_history(small, nullptr, bug.plant);
  CHECK_FALSE(first.kept());
  CHECK(first.problem == second.problem);
  CHECK(first.step == second.step);
}

TEST_CASE("a failure is the same with other numbers in it, and another with other words") {
  const std::string stuck = "does not drain: event is settled to 340 of 382";
  CHECK(same_failure(stuck, "does not drain: event is settled to 7 of 12"));
  CHECK_FALSE(same_failure(stuck, "does not drain: state is settled to 340 of 382"));
  CHECK_FALSE(same_failure(stuck, stuck + " (FORKED: the digest before offset 340 is not the core's)"));
  CHECK_FALSE(same_failure(stuck, ""));
}

}  // namespace wayside::test
