// Vehicles, their sessions, the session store and custody, in one thread: what PUBACK and PUBREC promise, in seeded
// histories. The code is the product's (sessions, desks, planner, writer, watch, store over an SQLite in memory);
// simulated are disk, clock, network and death.
#pragma once

#include <cstdint>
#include <string>

namespace wayside::test {

// Bugs put between the desk and the writer, or the gate and the desk; none needs a hook in the product.
enum class CustodyBug : std::uint8_t {
  none,
  ack_before_sync,        // a group is said to be committed while it is only appended
  ack_of_failed_sync,     // a failed sync is said to have worked
  overtaking_after_full,  // records come without the opening of the door that those ahead of them went through
};

struct CustodyCounts {
  std::uint64_t published = 0;
  std::uint64_t acknowledged = 0;
  std::uint64_t refused = 0;  // acknowledgements with a reason
  std::uint64_t parked = 0;
  std::uint64_t shed = 0;
  std::uint64_t crashes = 0;    // of them
  std::uint64_t in_sync = 0;    // while a group was being synced
  std::uint64_t full = 0;       // the door of a lane shut for want of room
  std::uint64_t faults = 0;     // a commit failed
  std::uint64_t slow = 0;       // syncs while which vehicles went on
  std::uint64_t survivors = 0;  // written, never answered or refused, and there after a death
};

// Empty: every promise was kept after every step, and when faults had stopped everything drained and every vehicle had
// its answers.
std::string run_custody_history(std::uint64_t seed, unsigned steps, CustodyBug bug, CustodyCounts& counts);

inline constexpr unsigned kCustodySteps = 400;
struct CustodyFound {
  bool found = false;
  std::uint64_t seeds = 0;
  std::string problem;
};
// Looks for the bug in histories 1 to seeds_max of kCustodySteps.
CustodyFound find_custody_bug(CustodyBug bug, std::uint64_t seeds_max);

}  // namespace wayside::test
