// Files that may be replaced under us: written over, renamed over, or a symlink that swaps (a Secret).
#pragma once

#include <map>
#include <string>
#include <vector>

namespace wayside::os {

// Owns: what each file looked like when it was last asked for. Thread: one.
class WatchedFiles {
 public:
  explicit WatchedFiles(std::vector<std::string> paths);
  // True: at least one looks different from the last call (or from the start).
  bool changed();

 private:
  struct Looks {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    std::int64_t size = -1;  // -1: not there
    bool operator==(const Looks&) const = default;
  };
  static Looks look(const std::string& path);
  std::map<std::string, Looks> seen_;
};

}  // namespace wayside::os
