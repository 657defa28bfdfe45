#include "common/os/posix_disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "common/os/errors.h"
#include "common/os/posix_file.h"
#include "common/os/system.h"

namespace wayside::os {
namespace {

constexpr std::size_t kPageBytes = 4096;
constexpr unsigned kWordsPerPage = kPageBytes / sizeof(std::uint64_t);

// Owns: the mapping of one page file. The word is lock-free, so it is coherent between processes too.
class MappedWord final : public SharedWord {
 public:
  MappedWord(void* page, unsigned index) : page_(page), word_(static_cast<std::uint64_t*>(page)[index]) {}
  ~MappedWord() override { ::munmap(page_, kPageBytes); }
  MappedWord(const MappedWord&) = delete;
  MappedWord& operator=(const MappedWord&) = delete;

  void store(std::uint64_t value) override {
    std::atomic_ref<std::uint64_t>(word_).store(value, std::memory_order_release);
  }
  [[nodiscard]] std::uint64_t load() const override {
    return std::atomic_ref<std::uint64_t>(word_).load(std::memory_order_acquire);
  }

 private:
  void* page_;
  std::uint64_t& word_;
  static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read: return O_RDONLY;
    case OpenMode::read_write: return O_RDWR;
    case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL;
  }
  return O_RDONLY;
}

Result<std::unique_ptr<PosixFile>> open_file(const std::string& path, int flags) {
  const int descriptor = retry_eintr([&] { return ::open(path.c_str(), flags | O_CLOEXEC, 0600); });
  if (descriptor < 0) return errno_error("open", path);
  return std::make_unique<PosixFile>(descriptor, path);
}

class PosixDisk final : public Disk {
 public:
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override {
    auto file = open_file(path, flags_of(mode));
    if (!file.ok()) return std::move(file).error();
    return std::unique_ptr<DiskFile>(std::move(file).value());
  }

  void let_go(const std::string& path) override {
    const int descriptor = retry_eintr([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
    if (descriptor < 0) return;  // removed meanwhile
    static_cast<void>(::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED));
    ::close(descriptor);
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return errno_error("rename", from + " -> " + to);
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlink(path.c_str()) == 0) return {};
    const bool folder = errno == EISDIR || errno == EPERM;
    if (folder && ::rmdir(path.c_str()) == 0) return {};
    return errno_error(folder ? "rmdir" : "unlink", path);
  }

  Result<void> fsync_dir(const std::string& directory) override {
    const int descriptor = retry_eintr([&] { return ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
    if (descriptor < 0) return errno_error("open", directory);
    Result<void> result;
    if (::fsync(descriptor) != 0) result = errno_error("fsync", directory);
    ::close(descriptor);
    return result;
  }

  Result<void> make_dir(const std::string& path) override { return make_dirs(path); }

  Result<std::vector<std::string>> list(const std::string& directory) override {
    const std::unique_ptr<DIR, int (*)(DIR*)> handle(::opendir(directory.c_str()), &::closedir);
    if (!handle) return errno_error("opendir", directory);
    std::vector<std::string> names;
    errno = 0;
    while (const dirent* entry = ::readdir(handle.get())) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
      errno = 0;
    }
    if (errno != 0) return errno_error("readdir", directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<bool> exists(const std::string& path) override {
    struct stat status{};
    if (::stat(path.c_str(), &status) == 0) return true;
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return errno_error("stat", path);
  }

  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override {
    WAYSIDE_ASSERT(index < kWordsPerPage);
    const int descriptor = retry_eintr([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
    if (descriptor < 0) return errno_error("open", path);
    auto word = map_page(descriptor, path, index);
    ::close(descriptor);  // the mapping keeps the file
    return word;
  }

  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override {
    const int descriptor = retry_eintr([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600); });
    if (descriptor < 0) return errno_error("open", path);
    auto file = std::make_unique<PosixFile>(descriptor, path);
    // flock belongs to the open file, not to the process: a second opener in this process is fenced too.
    if (retry_eintr([&] { return ::flock(descriptor, LOCK_EX | LOCK_NB); }) == 0) {
      return std::unique_ptr<DiskFile>(std::move(file));
    }
    if (errno == EWOULDBLOCK) return Error{Fault::locked, path + ": another process holds this lock", EWOULDBLOCK};
    return errno_error("flock", path);
  }

 private:
  static Result<std::unique_ptr<SharedWord>> map_page(int descriptor, const std::string& path, unsigned index) {
    // posix_fallocate, not ftruncate: a page without a block behind it would be SIGBUS on a full volume.
    if (const int error = ::posix_fallocate(descriptor, 0, kPageBytes); error != 0) {
      errno = error;
      return errno_error("posix_fallocate", path);
    }
    void* page = ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (page == MAP_FAILED) return errno_error("mmap", path);
    return std::unique_ptr<SharedWord>(std::make_unique<MappedWord>(page, index));
  }
};

}  // namespace

std::unique_ptr<Disk> make_posix_disk() { return std::make_unique<PosixDisk>(); }

}  // namespace wayside::os
