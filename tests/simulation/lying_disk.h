// A disk that says it did what it did not do. Stands in front of another for as long as a world lives.
#pragma once

#include <memory>
#include <string>

#include "common/disk.h"

namespace wayside::test {

struct Lies {
  bool fdatasync = false;        // of segments: says synced, is not
  bool fsync_dir = false;        // names are not made durable
  bool claims = false;           // segments show no claim, and pages no synced: recovery has no evidence
  bool tail = false;             // the last group of a segment reads as if it had never been written
  std::uint64_t page_ahead = 0;  // the synced page shows so many records more
};

class LyingDisk final : public Disk {
 public:
  LyingDisk(Disk& disk, Lies lies) : disk_(disk), lies_(lies) {}
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override;
  Result<void> rename(const std::string& from, const std::string& to) override { return disk_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return disk_.remove(path); }
  Result<void> fsync_dir(const std::string& directory) override;
  Result<void> make_dir(const std::string& path) override { return disk_.make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return disk_.list(directory); }
  Result<bool> exists(const std::string& path) override { return disk_.exists(path); }
  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override;
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override { return disk_.lock(path); }

 private:
  Disk& disk_;
  Lies lies_;
};

}  // namespace wayside::test
