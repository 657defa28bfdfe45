// What the lanes of one volume may take together (design section 5: bounded bytes a lane and in total).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <limits>

#include "common/types.h"

namespace wayside::broker {

// Owns     how many bytes each lane may come to hold: what it holds, is about to, and what faults and deaths add.
// Thread   any; a lane's figure is set by the lane's own thread.
// Durable  -
// Limits   total_bytes_max together. urgent_reserve_bytes of it are for the command and ack lanes alone: whatever
//          the other three hold, these can grow to that.
//
// A lane claims before it appends, and only then looks at what the others claimed: two lanes that claim at once
// may both be refused, never both be taken beyond the bound.
class SpaceBoard {
 public:
  struct Limits {
    std::uint64_t total_bytes_max = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t urgent_reserve_bytes = 0;
  };
  SpaceBoard() = default;
  explicit SpaceBoard(Limits limits) : limits_(limits) {}

  static bool is_urgent(Lane lane) { return lane == Lane::command || lane == Lane::ack; }

  // The lane may come to hold `bytes`. False: there is no room for that, and it holds what it held.
  [[nodiscard]] bool claim(Lane lane, std::uint64_t bytes) {
    const std::uint64_t before = held_[index_of(lane)].exchange(bytes);
    if (bytes <= before || fits(lane)) return true;
    held_[index_of(lane)].store(before);
    return false;
  }
  // What it may come to hold without another record, after a commit or a release.
  void set(Lane lane, std::uint64_t bytes) { held_[index_of(lane)].store(bytes); }
  [[nodiscard]] std::uint64_t bytes() const { return urgent() + telemetry(); }
  [[nodiscard]] const Limits& limits() const { return limits_; }

 private:
  [[nodiscard]] std::uint64_t held(Lane lane) const { return held_[index_of(lane)].load(); }
  [[nodiscard]] std::uint64_t urgent() const { return held(Lane::command) + held(Lane::ack); }
  [[nodiscard]] std::uint64_t telemetry() const { return held(Lane::event) + held(Lane::state) + held(Lane::bulk); }
  [[nodiscard]] bool fits(Lane lane) const {
    const std::uint64_t urgent_bytes = is_urgent(lane) ? urgent() : std::max(urgent(), limits_.urgent_reserve_bytes);
    return urgent_bytes + telemetry() <= limits_.total_bytes_max;
  }

  Limits limits_;
  std::array<std::atomic<std::uint64_t>, kLanes> held_{};
};

}  // namespace wayside::broker
