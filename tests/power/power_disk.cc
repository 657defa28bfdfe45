#include "tests/power/power_disk.h"

#include <poll.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/os/posix_disk.h"
#include "tests/power/host_files.h"
#include "tests/power/power_sqlite.h"

namespace wayside::test::power {
namespace {

constexpr int kSyncMs = 8;  // a disk that turns: more is on its way when the power goes

class PowerFile final : public DiskFile {
 public:
  PowerFile(std::shared_ptr<HostFiles> host, std::unique_ptr<DiskFile> file, std::uint64_t inode, bool idle_sync)
      : host_(std::move(host)), file_(std::move(file)), inode_(inode), idle_sync_(idle_sync) {}

  Result<void> pwrite(ByteView bytes, std::uint64_t at) override {
    if (auto told = tell(EventKind::written, at, at + bytes.size()); !told) return told;
    return file_->pwrite(bytes, at);
  }
  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override { return file_->pread(out, size, at); }
  Result<void> fdatasync() override {
    if (idle_sync_) return {};
    ::poll(nullptr, 0, host_->sync_ms());
    if (auto synced = file_->fdatasync(); !synced) return synced;
    return host_->synced(inode_);
  }
  Result<void> fallocate(std::uint64_t size) override {
    auto before = file_->size();
    if (!before) return std::move(before).error();
    if (size <= *before) return file_->fallocate(size);
    if (auto told = tell(EventKind::resized, 0, 0); !told) return told;
    return file_->fallocate(size);
  }
  Result<void> truncate(std::uint64_t size) override {
    auto before = file_->size();
    if (!before) return std::move(before).error();
    if (auto told = tell(EventKind::resized, size, std::max(size, *before)); !told) return told;
    return file_->truncate(size);
  }
  Result<std::uint64_t> size() override { return file_->size(); }

 private:
  Result<void> tell(EventKind kind, std::uint64_t from, std::uint64_t to) {
    auto size = file_->size();
    if (!size) return std::move(size).error();
    return host_->changing(kind, inode_, *size, from, to, [this](Bytes& out, std::size_t bytes, std::uint64_t at) {
      return file_->pread(out, bytes, at);
    });
  }

  std::shared_ptr<HostFiles> host_;
  std::unique_ptr<DiskFile> file_;
  std::uint64_t inode_;
  bool idle_sync_;
};

class PowerWord final : public SharedWord {
 public:
  PowerWord(std::shared_ptr<HostFiles> host, std::unique_ptr<SharedWord> word, std::string path, unsigned index)
      : host_(std::move(host)), word_(std::move(word)), path_(std::move(path)), index_(index) {}
  void store(std::uint64_t value) override {
    tell(value);
    word_->store(value);
  }
  [[nodiscard]] std::uint64_t load() const override { return word_->load(); }
  void tell(std::uint64_t value) {
    Event event;
    event.kind = EventKind::word;
    event.path = path_;
    event.first = index_;
    event.size = value;
    const Result<void> told = host_->append(event);
    WAYSIDE_ASSERT(told.ok());
  }

 private:
  std::shared_ptr<HostFiles> host_;
  std::unique_ptr<SharedWord> word_;
  std::string path_;
  unsigned index_;
};

class PowerDisk final : public Disk {
 public:
  explicit PowerDisk(std::shared_ptr<HostFiles> host) : host_(std::move(host)) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    const std::lock_guard lock(host_->names());
    auto file = disk_->open(path, mode);
    if (!file || mode == OpenMode::read) return file;
    if (mode == OpenMode::create_new) {
      if (auto told = host_->created(path); !told) return std::move(told).error();
    }
    return std::unique_ptr<DiskFile>(
        std::make_unique<PowerFile>(host_, std::move(file).value(), inode_of(path), idle_sync(path)));
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    WAYSIDE_ASSERT(parent_of(from) == parent_of(to));  // one directory, one journal: the product needs no more
    const std::lock_guard lock(host_->names());
    if (auto told = host_->renaming(from, to); !told) return told;
    return disk_->rename(from, to);
  }

  Result<void> remove(const std::string& path) override {
    const std::lock_guard lock(host_->names());
    if (auto told = host_->removing(path); !told) return told;
    return disk_->remove(path);
  }

  Result<void> fsync_dir(const std::string& directory) override {
    if (host_->planted() == Planted::fsync_dir) return {};
    ::poll(nullptr, 0, host_->sync_ms());
    const std::lock_guard lock(host_->names());
    if (auto synced = disk_->fsync_dir(directory); !synced) return synced;
    return host_->dir_synced(directory);
  }

  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override {
    const std::lock_guard lock(host_->names());
    const bool fresh = inode_of(path) == 0;
    auto word = disk_->map_word(path, index);
    if (!word) return word;
    if (fresh) {
      if (auto told = host_->created(path); !told) return std::move(told).error();
    }
    auto ours = std::make_unique<PowerWord>(host_, std::move(word).value(), path, index);
    ours->tell(ours->load());
    return std::unique_ptr<SharedWord>(std::move(ours));
  }

  Result<void> make_dir(const std::string& path) override { return disk_->make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override { return disk_->list(directory); }
  Result<bool> exists(const std::string& path) override { return disk_->exists(path); }
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override { return disk_->lock(path); }

 private:
  [[nodiscard]] bool idle_sync(const std::string& path) const {
    if (host_->planted() == Planted::segment_sync) return path.find(".seg") != std::string::npos;
    return host_->planted() == Planted::fdatasync;
  }

  std::shared_ptr<HostFiles> host_;
  std::unique_ptr<Disk> disk_ = os::make_posix_disk();
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

Planted planted_by(const std::string& name) {
  if (name == "fdatasync") return Planted::fdatasync;
  if (name == "fsync_dir") return Planted::fsync_dir;
  if (name == "sqlite_sync") return Planted::sqlite_sync;
  if (name == "segment_sync") return Planted::segment_sync;
  if (!name.empty()) give_up(std::string(kPlantVariable) + ": no mistake is called " + name);
  return Planted::none;
}

}  // namespace

std::unique_ptr<Disk> disk_over(const std::shared_ptr<HostFiles>& host) { return std::make_unique<PowerDisk>(host); }

Result<std::unique_ptr<Disk>> make_power_disk(const Host& host, Planted planted, int sync_ms) {
  auto files = open_host(host, planted, sync_ms);
  if (!files) return std::move(files).error();
  return disk_over(*files);
}

std::unique_ptr<Disk> disk_of_program(const std::string& name) {
  const char* dir = std::getenv(kDirVariable);
  if (dir == nullptr) give_up(std::string(kDirVariable) + " is not set");
  const char* planted = std::getenv(kPlantVariable);
  auto host = open_host({std::string(dir) + "/" + name}, planted_by(planted == nullptr ? "" : planted), kSyncMs);
  if (!host) give_up(host.error().what);
  if (auto used = use_for_sqlite(*host); !used) give_up(used.error().what);
  return disk_over(*host);
}

}  // namespace wayside::test::power
