// A real disk whose syncs of some files take as long as a test says: a device that hangs for seconds.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/disk.h"

namespace wayside::test {

// Owns    nothing but its handles; `inner` outlives it.
// Thread  any.
class SlowDisk final : public Disk {
 public:
  SlowDisk(Disk& inner, std::string slow) : inner_(inner), slow_(std::move(slow)) {}
  // Each fdatasync of a path that holds `slow` takes this long from now on.
  void stall(std::int64_t ms) { *stall_ms_ = ms; }

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    auto file = inner_.open(path, mode);
    if (!file.ok() || path.find(slow_) == std::string::npos) return file;
    return std::unique_ptr<DiskFile>(std::make_unique<File>(std::move(*file), stall_ms_));
  }
  Result<void> rename(const std::string& from, const std::string& to) override { return inner_.rename(from, to); }
  Result<void> remove(const std::string& path) override { return inner_.remove(path); }
  Result<void> fsync_dir(const std::string& directory) override { return inner_.fsync_dir(directory); }
  Result<void> make_dir(const std::string& path) override { return inner_.make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return inner_.list(directory); }
  Result<bool> exists(const std::string& path) override { return inner_.exists(path); }
  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override {
    return inner_.map_word(path, index);
  }
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override { return inner_.lock(path); }

 private:
  using Stall = std::shared_ptr<std::atomic<std::int64_t>>;
  class File final : public DiskFile {
   public:
    File(std::unique_ptr<DiskFile> inner, Stall stall_ms) : inner_(std::move(inner)), stall_ms_(std::move(stall_ms)) {}
    Result<void> pwrite(ByteView bytes, std::uint64_t at) override { return inner_->pwrite(bytes, at); }
    Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override { return inner_->pread(out, size, at); }
    Result<void> fdatasync() override {
      std::this_thread::sleep_for(std::chrono::milliseconds(stall_ms_->load()));
      return inner_->fdatasync();
    }
    Result<void> fallocate(std::uint64_t size) override { return inner_->fallocate(size); }
    Result<void> truncate(std::uint64_t size) override { return inner_->truncate(size); }
    Result<std::uint64_t> size() override { return inner_->size(); }

   private:
    std::unique_ptr<DiskFile> inner_;
    Stall stall_ms_;
  };

  Disk& inner_;
  std::string slow_;
  Stall stall_ms_ = std::make_shared<std::atomic<std::int64_t>>(0);
};

}  // namespace wayside::test
