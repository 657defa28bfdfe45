// Bugs put between the product and what it relies on: proof that the histories would notice. None needs a hook in
// the product: a disk that lies, a reader, a settlement or a link that does what a wrong one would do.
//
// The number of a batch is for logs and names nothing: what a batch is known by are its offsets, so a batch replanned
// under an old number is one that carries the records of another plan under its own offsets.
//
// The gate and custody are not in this world: what is planted there has histories of its own
// (tests/broker/support/qos2_world.h, custody_world.h).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tests/simulation/history.h"

namespace wayside::test {

struct Found {
  bool found = false;
  std::uint64_t seeds = 0;
  std::string problem;
};
struct Planted {
  const char* name;
  Profile profile;
  std::uint64_t seeds_max;  // found within so many, each of kPlantedSteps
  Planting plant;
  std::function<Found(std::uint64_t seeds_max)> elsewhere{};  // set: its histories are not this world's
};
inline constexpr unsigned kPlantedSteps = 1'000;

const std::vector<Planted>& planted_bugs();
Found find(const Planted& bug);

}  // namespace wayside::test
