#include "broker/custody/volume_check.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

namespace wayside::broker {
namespace {

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20U) + " MiB"; }

}  // namespace

Result<VolumeSpace> volume_space(const std::string& path) {
  struct statvfs space{};
  if (statvfs(path.c_str(), &space) != 0) {
    return Error{Fault::io, "statvfs " + path + ": " + std::strerror(errno), errno};
  }
  return VolumeSpace{static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize};
}

Result<void> check_volume(const VolumeNeed& need, const VolumeSpace& space, const std::string& path) {
  const std::uint64_t still = need.lane_bytes_max > need.used_bytes ? need.lane_bytes_max - need.used_bytes : 0;
  if (still + need.reserve_bytes <= space.available_bytes) return {};
  return Error{Fault::no_space, "the lanes may take " + mib(need.lane_bytes_max) + " (" + mib(need.used_bytes) +
                                    " taken) and " + mib(need.reserve_bytes) + " must stay free, but " + path +
                                    " has only " + mib(space.available_bytes) +
                                    " left: lower custody.lane_*_bytes_max or use a larger volume"};
}

}  // namespace wayside::broker
