// kill -9 of each process of a region in turn, or loss of power of each host, or another release put in the place of
// each process, while a fleet has acknowledgements in flight; then the account: the cars' journals against the file
// sink, and the ledgers of edge and core against each other. The account is taken in rounds, so that a run may be of
// any length.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fleet/verify.h"
#include "tests/power/power_loss.h"

namespace wayside::test {

struct KillOptions {
  std::string dir;           // of the region; made, kept
  std::string bin_dir;       // where the product's programs lie; with `power`: in its folder power/
  bool power = false;        // hosts lose power instead of processes being killed
  std::string planted;       // a mistake below the product (tests/power), which the run must find
  std::uint64_t cycles = 2;  // deaths of each victim; one round of the account each
  std::uint64_t seed = 1;
  std::uint64_t cars = 20;
  std::uint64_t frames_per_car = 250;  // published for each death, as fast as the window allows
  std::uint64_t qos2_every = 4;        // every n-th message is QoS 2: it must come out once; 0: none
  std::uint64_t in_flight_min = 100;   // acknowledgements outstanding at the moment of the death
  std::int64_t flap_ms = 60;  // a car loses its radio that often on average and is away up to kAwayMaxMs; 0: never
  std::int64_t step_timeout_ms = 60'000;
  // Where the programs of the release before lie. Not empty: nothing is only killed, but each process is replaced by
  // that release and back again, by SIGTERM and by SIGKILL in turn (`cycles` times all of it).
  std::string other_bin_dir;
  std::function<void(const std::string&)> say = [](const std::string&) {};
};

struct KillReport {
  std::uint64_t kills = 0;
  std::uint64_t replaced = 0;  // processes that went on as the other release
  std::uint64_t unclean = 0;   // of them, those that did not end by themselves on SIGTERM
  std::map<std::string, std::uint64_t> kills_by_process;
  std::uint64_t power_losses = 0;
  power::Loss loss;                 // what was not synced when the power went, and what of it was lost
  std::uint64_t in_flight_min = 0;  // at any kill
  std::uint64_t flaps = 0;          // radios that went away
  std::uint64_t acked = 0;
  std::uint64_t resent = 0;             // by vehicles
  std::uint64_t settled_as_resent = 0;  // of them: the first was committed, the core told the repeat
  std::uint64_t values_resent = 0;      // that came out of the sink again nevertheless
  std::uint64_t missing = 0;            // acknowledged and not in the sink
  std::uint64_t twice = 0;              // a wayside-id, or a value more often than its message was published
  std::uint64_t unclear =
      0;  // values that no journal or two messages claim, lines that do not parse, files that changed
  // Of the mqtt sink, which promises at least once (durability=memory), as a backend at the core broker sees it.
  std::uint64_t mqtt_ids = 0;                   // distinct wayside-ids heard
  std::uint64_t mqtt_repeats = 0;               // heard again
  std::uint64_t mqtt_repeats_without_kill = 0;  // of them, in the rounds before the first kill and after the last
  std::int64_t residual = 0;                    // sum over lanes of |ids in the sink + tombstones - records received|
  bool ledgers_equal = false;
  std::string fault;                   // what ended the run early; empty: it came to its end
  std::vector<std::string> sentences;  // what is wrong, or the first of it

  void take(const fleet::VerifyReport& verified);
  // A release that tells no repeats delivers them again (P2), so that values come again where one ran.
  [[nodiscard]] bool clean() const {
    return missing == 0 && twice == 0 && (values_resent == 0 || replaced > 0) && unclear == 0 && unclean == 0;
  }
  [[nodiscard]] bool passed() const {
    return fault.empty() && clean() && residual == 0 && settled_as_resent <= resent && ledgers_equal &&
           mqtt_repeats_without_kill == 0;
  }
};

// Blocks until all is said and drained, or a round was not clean.
KillReport run_kills(const KillOptions& options);
std::string to_json(const KillReport& report, const KillOptions& options);

}  // namespace wayside::test
