// A disk that reads ahead what it is told will be read.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/os/ahead_reader.h"

namespace wayside::os {

// Owns     the reader of the files named last.   Thread   one; its files too.   Durable  as the disk below.
// Limits   AheadReader's.
// Everything but reading those files is the disk's below, and so is any read that does not go forward.
class AheadDisk final : public Disk {
 public:
  // `below` is the real disk, and must outlive this.
  explicit AheadDisk(Disk& below) : below_(below) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override;
  void expect_reads(const std::vector<std::string>& paths) override;
  void let_go(const std::string& path) override { below_.let_go(path); }
  Result<void> rename(const std::string& from, const std::string& to) override { return below_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return below_.remove(path); }
  Result<void> fsync_dir(const std::string& directory) override { return below_.fsync_dir(directory); }
  Result<void> make_dir(const std::string& path) override { return below_.make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return below_.list(directory); }
  Result<bool> exists(const std::string& path) override { return below_.exists(path); }
  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override {
    return below_.map_word(path, index);
  }
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override { return below_.lock(path); }

 private:
  Disk& below_;
  std::shared_ptr<AheadReader> reader_;  // shared with the files that are open
};

}  // namespace wayside::os
