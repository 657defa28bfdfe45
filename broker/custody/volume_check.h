// Is the volume large enough for what may be put on it? (design section 5: checked at start)
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"

namespace wayside::broker {

struct VolumeSpace {
  std::uint64_t available_bytes = 0;  // to an unprivileged process
};
Result<VolumeSpace> volume_space(const std::string& path);  // statvfs
std::uint64_t file_bytes(const std::string& path);          // 0 where there is none

struct VolumeNeed {
  std::uint64_t lane_bytes_max = 0;    // of all lanes together
  std::uint64_t used_bytes = 0;        // of it, taken already
  std::uint64_t ahead_bytes = 0;       // of open segments, beyond their bound: filled ahead, footers
  std::uint64_t store_bytes_max = 0;   // of the command store
  std::uint64_t store_used_bytes = 0;  // of it, taken already
  std::uint64_t closed_bytes_max = 0;  // of store_bytes_max, for closed commands: nobody waits for these
  std::uint64_t reserve_bytes = 0;     // what must stay free: sessions, settlement logs, and for others
  // What must be free now for all of it to fit.
  [[nodiscard]] std::uint64_t bytes() const;
  // Of it, what custody and open commands may take.
  [[nodiscard]] std::uint64_t bytes_to_start() const;
};
// Fault::no_space with all the figures in one sentence when they do not fit, closed commands left out: a volume that is
// too small for these alone is a warning and the mark of the volume.
Result<void> check_volume(const VolumeNeed& need, const VolumeSpace& space, const std::string& path);

}  // namespace wayside::broker
