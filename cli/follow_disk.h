// A disk for those who follow a spool that others write: it only reads, and its shared words are as their writer has
// them at this moment.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"
#include "spool/dry_disk.h"

namespace wayside::cli {

// Owns     mappings of pages, read-only.   Thread   one.   Durable  nothing.
// Limits   -
// A page that is not there yet reads as zero until it is. Changes fail or are noted and not made, as DryDisk does.
class FollowDisk final : public Disk {
 public:
  explicit FollowDisk(Disk& below) : dry_(below) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    return dry_.open(path, mode);
  }
  Result<void> rename(const std::string& from, const std::string& to) override { return dry_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return dry_.remove(path); }
  Result<void> fsync_dir(const std::string& directory) override { return dry_.fsync_dir(directory); }
  Result<void> make_dir(const std::string& path) override { return dry_.make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return dry_.list(directory); }
  Result<bool> exists(const std::string& path) override { return dry_.exists(path); }
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override { return dry_.lock(path); }
  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override;

 private:
  spool::DryDisk dry_;
};

}  // namespace wayside::cli
