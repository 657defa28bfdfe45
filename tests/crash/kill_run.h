// kill -9 of each process of a region in turn, or another release put in its place, while a fleet has acknowledgements
// in flight; then the account: the cars' journals against the file sink, and the ledgers of edge and core against each
// other.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::test {

struct KillOptions {
  std::string dir;           // of the region; made, kept
  std::string bin_dir;       // where the product's programs lie
  std::uint64_t cycles = 2;  // kills of each process
  std::uint64_t seed = 1;
  std::uint64_t cars = 20;
  std::uint64_t frames_per_car = 250;  // published in each cycle, as fast as the window allows
  std::uint64_t in_flight_min = 100;   // acknowledgements outstanding at the moment of the kill
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
  std::uint64_t in_flight_least = 0;  // at any kill
  std::uint64_t acked = 0;
  std::uint64_t resent = 0;             // by vehicles
  std::uint64_t settled_as_resent = 0;  // of them: the first was committed, the core told the repeat
  std::uint64_t values_resent = 0;      // that came out of the sink again nevertheless
  std::uint64_t missing = 0;            // acknowledged and not in the sink
  std::uint64_t twice = 0;              // a wayside-id, or a value more often than its message was published
  std::uint64_t unclear = 0;            // values that no journal or two messages claim, lines that do not parse
  // Of the mqtt sink, which promises at least once (durability=memory), as a backend at the core broker sees it.
  std::uint64_t mqtt_ids = 0;                   // distinct wayside-ids heard
  std::uint64_t mqtt_repeats = 0;               // heard again
  std::uint64_t mqtt_repeats_without_kill = 0;  // of them, in the rounds before the first kill and after the last
  std::int64_t residual = 0;                    // sum over lanes of |ids in the sink + tombstones - records received|
  bool ledgers_equal = false;
  std::vector<std::string> sentences;  // what is wrong, or the first of it

  // A release that tells no repeats delivers them again (P2), so that values come again where one ran.
  [[nodiscard]] bool passed() const {
    return missing == 0 && twice == 0 && (values_resent == 0 || replaced > 0) && unclear == 0 && residual == 0 &&
           ledgers_equal && mqtt_repeats_without_kill == 0 && unclean == 0;
  }
};

// Blocks until all is said and drained. A fault: the region could not be run at all.
Result<KillReport> run_kills(const KillOptions& options);
std::string to_json(const KillReport& report, const KillOptions& options);

}  // namespace wayside::test
