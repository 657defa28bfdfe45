// Ports for a region on one machine: free now, distinct, and below the range that the kernel gives to outgoing
// connections, so that nobody takes one while its process is down.
#pragma once

#include <set>

#include "common/result.h"
#include "common/rng.h"

namespace wayside::fleet {

class PortPicker {
 public:
  explicit PortPicker(std::uint64_t seed) : rng_(seed) {}
  Result<int> pick();

 private:
  SeededRng rng_;
  std::set<int> given_;
};

}  // namespace wayside::fleet
