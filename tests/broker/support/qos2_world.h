// One vehicle, one broker, in one thread: the real session, the real session store over an SQLite in memory, lanes that
// commit when told, a network that breaks, a broker that dies at any step. One seed is one history.
#pragma once

#include <cstdint>
#include <string>

namespace wayside::test {

// Bugs put between the session and what it relies on; none needs a hook in the product.
enum class Qos2Bug : std::uint8_t {
  none,
  pubcomp_before_release,  // the store says released before it has committed that
  open_past_receipts,      // a session is opened while records of its last connection are on their way
  receipts_not_scanned,    // a start does not look what the lanes hold
  pubrec_before_commit,    // the lane says committed while the record is only queued
};

struct Qos2Counts {
  std::uint64_t published = 0;
  std::uint64_t completed = 0;
  std::uint64_t abandoned = 0;  // the session was given up by a clean start, or ended with its connection
  std::uint64_t crashes = 0;
  std::uint64_t takeovers = 0;
  std::uint64_t repeats = 0;    // PUBLISHes sent again
  std::uint64_t recovered = 0;  // receipts that only the lane had
  std::uint64_t refused = 0;    // PUBRECs with a reason
};

// Runs one history of so many steps, then lets everything drain without faults. Empty: each message is in its lane at
// most once, at PUBREC exactly once, and every message of a living session came to PUBCOMP; otherwise what was wrong.
std::string run_qos2_history(std::uint64_t seed, unsigned steps, Qos2Bug bug, Qos2Counts& counts);

struct Qos2Found {
  bool found = false;
  std::uint64_t seeds = 0;
  std::string problem;
};
// Looks for the bug in histories 1 to seeds_max of 400 steps.
Qos2Found find_qos2_bug(Qos2Bug bug, std::uint64_t seeds_max);

}  // namespace wayside::test
