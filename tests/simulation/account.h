// What must hold in the simulated world: after every step, and once faults have stopped and everything drained.
#pragma once

#include <map>
#include <string>

#include "tests/simulation/world.h"

namespace wayside::test {

// What the world should look like, beside what World itself keeps.
struct Expected {
  std::array<std::uint64_t, kLanes> lost_max{};  // rot may cost so many offsets
  bool restored = false;
  // Bodies of the time line that ended when the volume was put back.
  std::array<std::vector<Bytes>, kLanes> before_restore;
};

// Remembers what may not fall.
struct Watch {
  SpoolUuid uuid;  // of which spool core_next is
  std::array<Offset, kLanes> core_next{};
  std::array<Offset, kLanes> sink_done{};  // what the core log may have deleted by
};

bool forked_was_said(const World& world, Lane lane);

// "" or the broken promise.
std::string check_step(World& world, const Expected& expected, Watch& watch);
std::string check_end(World& world, const Expected& expected);

}  // namespace wayside::test
