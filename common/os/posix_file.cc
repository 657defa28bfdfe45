#include "common/os/posix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "common/os/errors.h"

namespace wayside::os {

PosixFile::~PosixFile() { ::close(descriptor_); }

Result<void> PosixFile::pwrite(ByteView bytes, std::uint64_t at) {
  while (!bytes.empty()) {
    const ssize_t n =
        retry_eintr([&] { return ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(at)); });
    if (n < 0) return errno_error("pwrite", path_);
    if (n == 0) return Error{Fault::io, path_ + ": pwrite wrote nothing", 0};
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    at += static_cast<std::uint64_t>(n);
  }
  return {};
}

Result<void> PosixFile::pread(Bytes& out, std::size_t size, std::uint64_t at) {
  // Grown by what the file holds, not by what a caller read from a damaged header.
  const auto end = this->size();
  if (!end.ok()) return end.error();
  const std::uint64_t left = *end > at ? *end - at : 0;
  out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(size, left)));
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = retry_eintr(
        [&] { return ::pread(descriptor_, out.data() + done, out.size() - done, static_cast<off_t>(at + done)); });
    if (n < 0) return errno_error("pread", path_);
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  out.resize(done);
  return {};
}

Result<void> PosixFile::fdatasync() {
  // Never retried after a failure: the kernel may have dropped the dirty pages and would then report success.
  if (::fdatasync(descriptor_) != 0) return errno_error("fdatasync", path_);
  return {};
}

Result<void> PosixFile::fallocate(std::uint64_t size) {
  const int error = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(size));
  if (error == 0) return {};
  errno = error;
  return errno_error("posix_fallocate", path_);
}

Result<void> PosixFile::truncate(std::uint64_t size) {
  if (retry_eintr([&] { return ::ftruncate(descriptor_, static_cast<off_t>(size)); }) != 0) {
    return errno_error("ftruncate", path_);
  }
  return {};
}

Result<std::uint64_t> PosixFile::size() {
  struct stat status{};
  if (::fstat(descriptor_, &status) != 0) return errno_error("fstat", path_);
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace wayside::os
