#include "bench/group_file.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <utility>

#include "common/os/posix_disk.h"

namespace wayside::bench {
namespace {

constexpr std::uint64_t kFileBytes = 64U << 20U;

}  // namespace

Result<std::unique_ptr<GroupFile>> GroupFile::create(const std::string& path) {
  const std::unique_ptr<Disk> disk = os::make_posix_disk();
  auto file = disk->open(path, OpenMode::create_new);
  if (!file) return std::move(file).error();
  if (auto reserved = (*file)->fallocate(kFileBytes); !reserved) return std::move(reserved).error();
  if (auto synced = (*file)->fdatasync(); !synced) return std::move(synced).error();
  const int done = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  WAYSIDE_ASSERT(done >= 0);
  return std::unique_ptr<GroupFile>(new GroupFile(std::move(*file), done));
}

GroupFile::GroupFile(std::unique_ptr<DiskFile> file, int done_fd)
    : file_(std::move(file)), done_fd_(done_fd), thread_([this] { run(); }) {}

GroupFile::~GroupFile() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
  ::close(done_fd_);
}

void GroupFile::write(Bytes& group) {
  {
    const std::scoped_lock lock(mutex_);
    WAYSIDE_ASSERT(!given_);
    group_.swap(group);
    given_ = true;
  }
  wake_.notify_one();
  group.clear();
}

void GroupFile::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return given_ || stop_; });
    if (stop_) return;
    lock.unlock();
    if (at_ + group_.size() > kFileBytes) at_ = 0;
    const auto wrote = file_->pwrite(group_, at_);
    const auto synced = file_->fdatasync();
    WAYSIDE_ASSERT(wrote.ok() && synced.ok());
    at_ += group_.size();
    lock.lock();
    given_ = false;
    ::eventfd_write(done_fd_, 1);
  }
}

}  // namespace wayside::bench
