#include "tests/power/power_disk.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <vector>

#include "common/os/errors.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "tests/power/event_log.h"

namespace wayside::test::power {
namespace {

constexpr int kSyncMs = 8;  // a disk that turns: more is on its way when the power goes

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// 0: nothing stands there.
std::uint64_t inode_of(const std::string& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

// What outlives any one file: shared by the disk and its files.
struct Shared {
  Shared(EventLog events, Host at, Planted mistake, int milliseconds)
      : log(std::move(events)), host(std::move(at)), planted(mistake), sync_ms(milliseconds) {}
  EventLog log;
  const Host host;
  const Planted planted;
  const int sync_ms;
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  std::mutex names;                                        // a change of names and its event are one step
  std::map<std::string, std::vector<std::string>> graves;  // of this process, by directory, until its sync
  std::atomic<std::uint64_t> next_grave{0};
};

class PowerFile final : public DiskFile {
 public:
  PowerFile(std::shared_ptr<Shared> shared, std::unique_ptr<DiskFile> file, std::uint64_t inode, bool idle_sync)
      : shared_(std::move(shared)), file_(std::move(file)), inode_(inode), idle_sync_(idle_sync) {}

  Result<void> pwrite(ByteView bytes, std::uint64_t at) override {
    if (auto told = tell(EventKind::written, at, at + bytes.size()); !told) return told;
    return file_->pwrite(bytes, at);
  }
  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override { return file_->pread(out, size, at); }
  Result<void> fdatasync() override {
    if (idle_sync_) return {};
    ::poll(nullptr, 0, shared_->sync_ms);
    if (auto synced = file_->fdatasync(); !synced) return synced;
    Event event;
    event.kind = EventKind::synced;
    event.inode = inode_;
    return shared_->log.append(event);
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
  // The size as it is, and what the sectors of [from, to) hold.
  Result<void> tell(EventKind kind, std::uint64_t from, std::uint64_t to) {
    auto size = file_->size();
    if (!size) return std::move(size).error();
    Event event;
    event.kind = kind;
    event.inode = inode_;
    event.size = *size;
    event.first = from / kSectorBytes;
    event.count = to > from ? (to - 1) / kSectorBytes - event.first + 1 : 0;
    Bytes old;
    const auto bytes = static_cast<std::size_t>(event.count * kSectorBytes);
    if (bytes > 0) {
      if (auto read = file_->pread(old, bytes, event.first * kSectorBytes); !read) return read;
    }
    for (std::size_t at = 0; at < old.size(); at += kSectorBytes) {
      const auto begin = old.begin() + static_cast<std::ptrdiff_t>(at);
      const auto end = old.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(at + kSectorBytes, old.size()));
      if (std::all_of(begin, end, [](std::uint8_t byte) { return byte == 0; })) continue;
      event.old.emplace_back(event.first + at / kSectorBytes, Bytes(begin, end));
    }
    return shared_->log.append(event);
  }

  std::shared_ptr<Shared> shared_;
  std::unique_ptr<DiskFile> file_;
  std::uint64_t inode_;
  bool idle_sync_;
};

class PowerWord final : public SharedWord {
 public:
  PowerWord(std::shared_ptr<Shared> shared, std::unique_ptr<SharedWord> word, std::string path, unsigned index)
      : shared_(std::move(shared)), word_(std::move(word)), path_(std::move(path)), index_(index) {}
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
    const Result<void> told = shared_->log.append(event);
    WAYSIDE_ASSERT(told.ok());
  }

 private:
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<SharedWord> word_;
  std::string path_;
  unsigned index_;
};

class PowerDisk final : public Disk {
 public:
  explicit PowerDisk(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    const std::lock_guard lock(shared_->names);
    auto file = shared_->disk->open(path, mode);
    if (!file || mode == OpenMode::read) return file;
    const std::uint64_t inode = inode_of(path);
    if (mode == OpenMode::create_new) {
      if (auto told = tell_created(path, inode); !told) return std::move(told).error();
    }
    return std::unique_ptr<DiskFile>(
        std::make_unique<PowerFile>(shared_, std::move(file).value(), inode, idle_sync(path)));
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    WAYSIDE_ASSERT(parent_of(from) == parent_of(to));  // one directory, one journal: the product needs no more
    const std::lock_guard lock(shared_->names);
    Event event;
    event.kind = EventKind::renamed;
    event.path = from;
    event.to = to;
    event.inode = inode_of(from);
    event.replaced = inode_of(to);
    if (event.replaced != 0) {
      if (auto kept = bury(to, event.grave); !kept) return kept;
    }
    if (auto told = shared_->log.append(event); !told) return told;
    return shared_->disk->rename(from, to);
  }

  Result<void> remove(const std::string& path) override {
    const std::lock_guard lock(shared_->names);
    Event event;
    event.kind = EventKind::removed;
    event.path = path;
    event.inode = inode_of(path);
    if (event.inode == 0) return shared_->disk->remove(path);  // fails in its own words
    if (auto kept = bury(path, event.grave); !kept) return kept;
    if (auto told = shared_->log.append(event); !told) return told;
    return shared_->disk->remove(path);
  }

  Result<void> fsync_dir(const std::string& directory) override {
    if (shared_->planted == Planted::fsync_dir) return {};
    ::poll(nullptr, 0, shared_->sync_ms);
    const std::lock_guard lock(shared_->names);
    if (auto synced = shared_->disk->fsync_dir(directory); !synced) return synced;
    Event event;
    event.kind = EventKind::dir_sync;
    event.path = directory;
    if (auto told = shared_->log.append(event); !told) return told;
    for (const std::string& grave : shared_->graves[directory]) ::unlink(grave.c_str());
    shared_->graves[directory].clear();
    return {};
  }

  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override {
    const std::lock_guard lock(shared_->names);
    const bool fresh = inode_of(path) == 0;
    auto word = shared_->disk->map_word(path, index);
    if (!word) return word;
    if (fresh) {
      if (auto told = tell_created(path, inode_of(path)); !told) return std::move(told).error();
    }
    auto ours = std::make_unique<PowerWord>(shared_, std::move(word).value(), path, index);
    ours->tell(ours->load());
    return std::unique_ptr<SharedWord>(std::move(ours));
  }

  Result<void> make_dir(const std::string& path) override { return shared_->disk->make_dir(path); }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return shared_->disk->list(directory);
  }
  Result<bool> exists(const std::string& path) override { return shared_->disk->exists(path); }
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override { return shared_->disk->lock(path); }

 private:
  [[nodiscard]] bool idle_sync(const std::string& path) const {
    if (shared_->planted == Planted::segment_sync) return path.find(".seg") != std::string::npos;
    return shared_->planted == Planted::fdatasync;
  }
  Result<void> tell_created(const std::string& path, std::uint64_t inode) {
    Event event;
    event.kind = EventKind::created;
    event.path = path;
    event.inode = inode;
    return shared_->log.append(event);
  }
  // A second name for what is about to lose its own, so that the loss of power can give it back.
  Result<void> bury(const std::string& path, std::string& grave) {
    grave = shared_->host.graves() + "/" + std::to_string(::getpid()) + "-" + std::to_string(shared_->next_grave++);
    ::unlink(grave.c_str());  // of a dead process with the same id
    if (::link(path.c_str(), grave.c_str()) != 0) return os::errno_error("link", path + " -> " + grave);
    shared_->graves[parent_of(path)].push_back(grave);
    return {};
  }

  std::shared_ptr<Shared> shared_;
};

[[noreturn]] void give_up(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(2);
}

Planted planted_by(const std::string& name) {
  if (name == "fdatasync") return Planted::fdatasync;
  if (name == "fsync_dir") return Planted::fsync_dir;
  if (name == "segment_sync") return Planted::segment_sync;
  if (!name.empty()) give_up(std::string(kPlantVariable) + ": no mistake is called " + name);
  return Planted::none;
}

}  // namespace

Result<std::unique_ptr<Disk>> make_power_disk(const Host& host, Planted planted, int sync_ms) {
  if (auto made = os::make_dirs(host.graves()); !made) return std::move(made).error();
  auto log = EventLog::open(host.events());
  if (!log) return std::move(log).error();
  return std::unique_ptr<Disk>(
      std::make_unique<PowerDisk>(std::make_shared<Shared>(std::move(log).value(), host, planted, sync_ms)));
}

std::unique_ptr<Disk> disk_of_program(const std::string& name) {
  const char* dir = std::getenv(kDirVariable);
  if (dir == nullptr) give_up(std::string(kDirVariable) + " is not set");
  const char* planted = std::getenv(kPlantVariable);
  auto disk = make_power_disk({std::string(dir) + "/" + name}, planted_by(planted == nullptr ? "" : planted), kSyncMs);
  if (!disk) give_up(disk.error().what);
  return std::move(disk).value();
}

}  // namespace wayside::test::power
