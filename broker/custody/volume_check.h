// Is the volume large enough for what the lanes may take? (design section 5: checked at start)
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"

namespace wayside::broker {

struct VolumeSpace {
  std::uint64_t available_bytes = 0;  // to an unprivileged process
};
Result<VolumeSpace> volume_space(const std::string& path);  // statvfs

struct VolumeNeed {
  std::uint64_t lane_bytes_max = 0;  // of all lanes together
  std::uint64_t used_bytes = 0;      // of it, taken already
  std::uint64_t reserve_bytes = 0;   // what must stay free: command store, sessions, settlement logs
};
// Fault::no_space with all the figures in one sentence when the bounds do not fit.
Result<void> check_volume(const VolumeNeed& need, const VolumeSpace& space, const std::string& path);

}  // namespace wayside::broker
