// soak_simulation: `./dev soak simulation`. Progress on stderr, one JSON object on the last line of stdout.
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/command/command_history.h"
#include "tests/simulation/contained.h"
#include "tests/simulation/custody_world.h"
#include "tests/simulation/planted.h"
#include "tests/simulation/shrink.h"

namespace {

using namespace wayside::test;

struct Options {
  std::uint64_t seeds = 200;
  std::uint64_t from = 1;
  unsigned steps = 2'000;
  bool replay = false;
};

volatile std::sig_atomic_t told_low = 0;  // the seed that is being told, in two halves
volatile std::sig_atomic_t told_high = 0;

void on_abort(int /*signal*/) {
  const auto seed =
      (static_cast<unsigned long long>(static_cast<unsigned>(told_high)) << 32U) | static_cast<unsigned>(told_low);
  char digits[24];
  std::size_t at = sizeof digits;
  digits[--at] = '\n';
  for (unsigned long long rest = seed; at > 0 && (rest > 0 || at == sizeof digits - 1); rest /= 10) {
    digits[--at] = static_cast<char>('0' + rest % 10);
  }
  constexpr char kText[] = "an assertion failed; replay with ./dev soak simulation --replay ";
  (void)!write(STDERR_FILENO, kText, sizeof kText - 1);
  (void)!write(STDERR_FILENO, digits + at, sizeof digits - at);
  _exit(1);
}

[[noreturn]] void usage(int status) {
  std::fprintf(status == 0 ? stdout : stderr,
               "usage: soak_simulation [--seeds N] [--from SEED] [--steps N] [--replay SEED]\n"
               "Tells N histories (default 200) of N steps (default 2000), then finds the planted bugs.\n"
               "--replay tells one history again and, if it fails, leaves out steps while it still does.\n");
  std::exit(status);
}

std::uint64_t number(const char* text) {
  char* end = nullptr;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (*text == '\0' || *text == '-' || *end != '\0') usage(2);
  return value;
}

Options read_options(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--help" || word == "-h") usage(0);
    if (i + 1 >= argc) usage(2);
    const std::uint64_t value = number(argv[++i]);
    if (word == "--seeds") {
      options.seeds = value;
    } else if (word == "--from") {
      options.from = value;
    } else if (word == "--steps") {
      options.steps = static_cast<unsigned>(value);
    } else if (word == "--replay") {
      options.from = value;
      options.seeds = 1;
      options.replay = true;
    } else {
      usage(2);
    }
  }
  return options;
}

void report(const Options& options, std::uint64_t seed, const Verdict& verdict) {
  std::fprintf(stderr, "seed %llu (%s), step %llu: %s\n  replay with ./dev soak simulation --steps %u --replay %llu\n",
               static_cast<unsigned long long>(seed), to_string(profile_of(seed)),
               static_cast<unsigned long long>(verdict.step), verdict.problem.c_str(), options.steps,
               static_cast<unsigned long long>(seed));
}

// The third part: as many histories of sessions and custody.
std::uint64_t tell_custody_histories(const Options& options) {
  std::uint64_t broken = 0;
  CustodyCounts counts;
  for (std::uint64_t seed = options.from; seed < options.from + options.seeds; ++seed) {
    told_low = static_cast<std::sig_atomic_t>(seed & 0xFFFFFFFFU);
    told_high = static_cast<std::sig_atomic_t>(seed >> 32U);
    const std::string problem = run_custody_history(seed, kCustodySteps, CustodyBug::none, counts);
    if (problem.empty()) continue;
    ++broken;
    std::fprintf(stderr, "custody, seed %llu: %s\n  replay with ./dev soak simulation --replay %llu\n",
                 static_cast<unsigned long long>(seed), problem.c_str(), static_cast<unsigned long long>(seed));
  }
  std::fprintf(stderr,
               "custody: %llu published, %llu acknowledged, %llu refused, %llu parked, %llu deaths, %llu of them in a "
               "sync, %llu doors shut for room, %llu commits failed, %llu records back after a death\n",
               static_cast<unsigned long long>(counts.published), static_cast<unsigned long long>(counts.acknowledged),
               static_cast<unsigned long long>(counts.refused), static_cast<unsigned long long>(counts.parked),
               static_cast<unsigned long long>(counts.crashes), static_cast<unsigned long long>(counts.in_sync),
               static_cast<unsigned long long>(counts.full), static_cast<unsigned long long>(counts.faults),
               static_cast<unsigned long long>(counts.survivors));
  return broken;
}

int replay(const Options& options) {
  const Script script = write_script(options.from, options.steps);
  const Verdict verdict = run_contained(script);
  if (verdict.kept()) {
    std::fprintf(stderr, "seed %llu keeps every promise of spool and bridge\n",
                 static_cast<unsigned long long>(options.from));
  } else {
    report(options, options.from, verdict);
    const Script small = shrink(
        script, [&](const Script& shorter) { return same_failure(run_contained(shorter).problem, verdict.problem); });
    std::fprintf(stderr, "%zu of %u steps are enough:\n%s\n", small.steps.size(), options.steps,
                 to_string(small).c_str());
  }
  const bool kept = tell_custody_histories(options) == 0 && verdict.kept();
  std::printf("{\"seeds\": 1, \"steps\": %u, \"broken\": %d}\n", options.steps, kept ? 0 : 1);
  return kept ? 0 : 1;
}

struct Told {
  std::uint64_t broken = 0;
  std::uint64_t steps = 0;
  Coverage coverage;
  double seconds = 0;
};

Told tell_histories(const Options& options) {
  Told told;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t number = 1; number <= options.seeds; ++number) {
    const std::uint64_t seed = options.from + number - 1;
    told_low = static_cast<std::sig_atomic_t>(seed & 0xFFFFFFFFU);
    told_high = static_cast<std::sig_atomic_t>(seed >> 32U);
    const Verdict verdict = run_history(write_script(seed, options.steps), &told.coverage);
    told.steps += options.steps;
    if (!verdict.kept()) {
      ++told.broken;
      report(options, seed, verdict);
    }
    if (number % 500 == 0) {
      std::fprintf(stderr, "%llu of %llu histories, %llu broken\n", static_cast<unsigned long long>(number),
                   static_cast<unsigned long long>(options.seeds), static_cast<unsigned long long>(told.broken));
    }
  }
  told.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return told;
}

// The second part: as many histories of commands over the in-memory store.
std::uint64_t tell_command_histories(const Options& options) {
  std::uint64_t broken = 0;
  std::map<std::string, int> outcomes;
  for (std::uint64_t seed = options.from; seed < options.from + options.seeds; ++seed) {
    const std::string problem = run_command_history(seed, outcomes);
    if (problem.empty()) continue;
    ++broken;
    std::fprintf(stderr, "commands, seed %llu: %s\n", static_cast<unsigned long long>(seed), problem.c_str());
  }
  for (const auto& [state, times] : outcomes) std::fprintf(stderr, "commands ended %s: %d\n", state.c_str(), times);
  return broken;
}

bool find_late_gate() {
  std::map<std::string, int> outcomes;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::string problem = run_command_history(seed, outcomes, false);
    if (problem.empty()) continue;
    std::fprintf(stderr, "planted: deadline not rechecked: found (%llu of at most 10 seeds) %s\n",
                 static_cast<unsigned long long>(seed), problem.c_str());
    return true;
  }
  std::fprintf(stderr, "planted: deadline not rechecked: NOT FOUND\n");
  return false;
}

std::uint64_t find_planted_bugs() {
  std::uint64_t found = find_late_gate() ? 1 : 0;
  for (const Planted& bug : planted_bugs()) {
    const Found at = find(bug);
    found += at.found ? 1 : 0;
    std::fprintf(stderr, "planted: %s: %s (%llu of at most %llu seeds) %s\n", bug.name,
                 at.found ? "found" : "NOT FOUND", static_cast<unsigned long long>(at.seeds),
                 static_cast<unsigned long long>(bug.seeds_max), at.problem.c_str());
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  if (options.replay) return replay(options);
  std::signal(SIGABRT, on_abort);
  Told told = tell_histories(options);
  told.broken += tell_command_histories(options);
  told.broken += tell_custody_histories(options);
  std::signal(SIGABRT, SIG_DFL);
  const std::uint64_t found = find_planted_bugs();
  const std::uint64_t planted = planted_bugs().size() + 1;  // and the gate
  std::fprintf(stderr, "\n%s\n%.0f steps a second\n", told.coverage.table().c_str(),
               static_cast<double>(told.steps) / told.seconds);
  std::printf(
      "{\"seeds\": %llu, \"from\": %llu, \"steps\": %u, \"broken\": %llu, \"pairs\": %llu, \"pairs_min_hits\": %llu, "
      "\"planted\": %llu, \"planted_found\": %llu, \"moved\": %llu, \"moved_lanes_not_exact\": %llu, "
      "\"seconds\": %.1f}\n",
      static_cast<unsigned long long>(options.seeds), static_cast<unsigned long long>(options.from), options.steps,
      static_cast<unsigned long long>(told.broken), static_cast<unsigned long long>(told.coverage.pairs()),
      static_cast<unsigned long long>(told.coverage.min_hits()), static_cast<unsigned long long>(planted),
      static_cast<unsigned long long>(found), static_cast<unsigned long long>(told.coverage.moves()),
      static_cast<unsigned long long>(told.coverage.not_exact()), told.seconds);
  return told.broken == 0 && told.coverage.min_hits() > 0 && found == planted ? 0 : 1;
}
