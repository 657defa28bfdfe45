#include "broker/custody/volume_check.h"

#include <sys/stat.h>
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

std::uint64_t file_bytes(const std::string& path) {
  struct stat status{};
  return stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::uint64_t VolumeNeed::bytes() const {
  const auto left = [](std::uint64_t bound, std::uint64_t used) { return bound > used ? bound - used : 0; };
  return left(lane_bytes_max, used_bytes) + ahead_bytes + left(store_bytes_max, store_used_bytes) + reserve_bytes;
}

std::uint64_t VolumeNeed::bytes_to_start() const {
  VolumeNeed without = *this;
  without.store_bytes_max -= closed_bytes_max;
  return without.bytes();
}

Result<void> check_volume(const VolumeNeed& need, const VolumeSpace& space, const std::string& path) {
  if (need.bytes_to_start() <= space.available_bytes) return {};
  return Error{Fault::no_space,
               "the lanes may take " + mib(need.lane_bytes_max) + " (" + mib(need.used_bytes) + " taken) and " +
                   mib(need.ahead_bytes) + " ahead, the command store " +
                   mib(need.store_bytes_max - need.closed_bytes_max) + " (" + mib(need.store_used_bytes) +
                   " taken), and " + mib(need.reserve_bytes) + " must stay free: that needs " +
                   mib(need.bytes_to_start()) + ", but " + path + " has only " + mib(space.available_bytes) +
                   " left: lower custody.lane_*_bytes_max or custody.total_bytes_max, or use a larger volume"};
}

}  // namespace wayside::broker
