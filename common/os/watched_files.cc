#include "common/os/watched_files.h"

#include <sys/stat.h>

#include <cstdint>

namespace wayside::os {

WatchedFiles::WatchedFiles(std::vector<std::string> paths) {
  for (std::string& path : paths) {
    if (!path.empty()) seen_.emplace(path, look(path));
  }
}

// stat follows links: when the link swaps, inode and time are the new file's.
WatchedFiles::Looks WatchedFiles::look(const std::string& path) {
  struct stat found{};
  if (::stat(path.c_str(), &found) != 0) return {};
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  return {found.st_dev, found.st_ino, found.st_mtim.tv_sec * kNsPerSecond + found.st_mtim.tv_nsec, found.st_size};
}

bool WatchedFiles::changed() {
  bool any = false;
  for (auto& [path, looks] : seen_) {
    const Looks now = look(path);
    any = any || now != looks;
    looks = now;
  }
  return any;
}

}  // namespace wayside::os
