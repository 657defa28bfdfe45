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
  std::array<Offset, kLanes> core_next{};
  std::array<Offset, kLanes> sink_done{};  // what the core log may have deleted by
};

// The lane waits for a person: its volume is not the one that the core knows.
bool stopped(const World& world, Lane lane);
bool forked_was_said(const World& world, Lane lane);
// It may end so where the volume came from an old copy, or where rot and a loss of power took a tail that the core has:
// then other records come to stand at those offsets. Rot alone stops no lane.
bool may_stop(const World& world, const Expected& expected, Lane lane);

// "" or the broken promise.
std::string check_step(World& world, const Expected& expected, Watch& watch);
std::string check_end(World& world, const Expected& expected);

}  // namespace wayside::test
