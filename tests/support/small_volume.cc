#include "tests/support/small_volume.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <thread>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace wayside::test {
namespace {

std::string why(const char* call) { return std::string(call) + ": " + std::strerror(errno); }

std::optional<std::string> mount_ext4(const std::string& folder, std::uint64_t bytes) {
  const std::string image = folder + ".ext4";
  const int descriptor = ::open(image.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) return why("open");
  const bool sized = ::ftruncate(descriptor, static_cast<off_t>(bytes)) == 0;
  ::close(descriptor);
  if (!sized) return why("ftruncate");
  // Nothing kept back for root: the test itself may be root.
  const Ran made = run({"mkfs.ext4", "-q", "-F", "-m", "0", "-O", "^has_journal", image});
  if (made.exit_code != 0) return "mkfs.ext4: " + made.output;
  const Ran mounted = run({"mount", "-o", "loop", image, folder});
  if (mounted.exit_code != 0) return "mount -o loop: " + mounted.output;
  return std::nullopt;
}

}  // namespace

const char* to_string(VolumeKind kind) { return kind == VolumeKind::ext4 ? "ext4" : "tmpfs"; }

std::optional<std::string> in_mount_namespace(const std::function<void()>& body) {
  std::optional<std::string> refused;
  std::exception_ptr thrown;
  std::thread thread([&] {
    if (::unshare(CLONE_NEWNS) != 0) {
      refused = why("unshare");
      return;
    }
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
      refused = why("mount --make-rprivate");
      return;
    }
    try {
      body();
    } catch (...) {
      thrown = std::current_exception();
    }
  });
  thread.join();
  if (thrown) std::rethrow_exception(thrown);
  return refused;
}

SmallVolume::SmallVolume(VolumeKind kind, std::string folder, std::uint64_t bytes) : folder_(std::move(folder)) {
  if (kind == VolumeKind::ext4) {
    refused_ = mount_ext4(folder_, bytes);
  } else if (::mount("none", folder_.c_str(), "tmpfs", 0, ("size=" + std::to_string(bytes)).c_str()) != 0) {
    refused_ = why("mount tmpfs");
  }
}

SmallVolume::~SmallVolume() {
  if (!refused_) ::umount2(folder_.c_str(), MNT_DETACH);
}

std::uint64_t SmallVolume::free_bytes() const {
  struct statvfs space{};
  return ::statvfs(folder_.c_str(), &space) == 0 ? static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize : 0;
}

void SmallVolume::fill() {
  const int descriptor = ::open((folder_ + "/filler").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  std::vector<char> block(1U << 20U, 'f');
  // Down to the last byte, whatever else gives space back meanwhile.
  for (std::size_t size = block.size(); descriptor >= 0 && size > 0;) {
    const ssize_t wrote = ::write(descriptor, block.data(), size);
    if (wrote <= 0) size /= 2;
  }
  ::fsync(descriptor);
  ::close(descriptor);
}

void SmallVolume::make_room() { ::unlink((folder_ + "/filler").c_str()); }

bool SmallVolume::remount(bool read_only) {
  return ::mount("none", folder_.c_str(), nullptr,
                 static_cast<unsigned long>(MS_REMOUNT) | (read_only ? static_cast<unsigned long>(MS_RDONLY) : 0UL),
                 nullptr) == 0;
}

}  // namespace wayside::test
