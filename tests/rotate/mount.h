// A Secret or ConfigMap as the kubelet keeps it under a running pod: every name is a link into `..data`, which is a
// link to a folder of one moment; a change makes a new folder, renames a new `..data` over the old, and removes the old
// folder.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/result.h"

namespace wayside::test {

// Owns     nothing: the folder stays.   Thread   one.
class Mount {
 public:
  using Files = std::map<std::string, std::string>;  // name -> content

  static Result<Mount> create(std::string dir, Files files);

  // All at once: a reader sees the old files or the new ones. A name that is not in `files` goes.
  Result<void> swap(Files files);
  // The same with one file changed, and with one taken away.
  Result<void> swap(const std::string& name, std::string content);
  Result<void> take_away(const std::string& name);

  [[nodiscard]] std::string path(const std::string& name) const { return dir_ + "/" + name; }
  [[nodiscard]] const Files& files() const { return files_; }

 private:
  explicit Mount(std::string dir) : dir_(std::move(dir)) {}

  std::string dir_;
  Files files_;
  std::uint64_t moment_ = 0;
};

}  // namespace wayside::test
