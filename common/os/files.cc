#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "common/os/errors.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"

namespace wayside::os {
namespace {

constexpr std::size_t kHexFileBytesMax = 4096;

// Owns: a descriptor.
class Descriptor {
 public:
  explicit Descriptor(int value) : value_(value) {}
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return value_; }

 private:
  int value_;
};

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<void> write_all(int descriptor, std::string_view content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t n = retry_eintr([&] { return ::write(descriptor, content.data(), content.size()); });
    if (n < 0) return errno_error("write", path);
    content.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> write_temporary(const std::string& path, std::string_view content, unsigned mode) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (file.get() < 0) return errno_error("open", path);
  if (::fchmod(file.get(), mode) != 0) return errno_error("fchmod", path);  // whatever the umask
  if (auto written = write_all(file.get(), content, path); !written.ok()) return written;
  if (::fsync(file.get()) != 0) return errno_error("fsync", path);
  return {};
}

Result<void> make_one_dir(const std::string& path, unsigned mode) {
  if (::mkdir(path.c_str(), mode) == 0) return {};
  const Error error = errno_error("mkdir", path);
  struct stat status{};
  if (error.os_errno == EEXIST && ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) return {};
  return error;
}

}  // namespace

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Descriptor file(retry_eintr([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }));
  if (file.get() < 0) return errno_error("open", path);
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t n = retry_eintr([&] { return ::read(file.get(), buffer, sizeof buffer); });
    if (n < 0) return errno_error("read", path);
    if (n == 0) return content;
    if (content.size() + static_cast<std::size_t>(n) > bytes_max) {
      return Error{Fault::no_space, path + ": larger than " + std::to_string(bytes_max) + " bytes", 0};
    }
    content.append(buffer, static_cast<std::size_t>(n));
  }
}

Result<Bytes> read_hex_file(const std::string& path, std::size_t bytes) {
  auto text = read_file(path, kHexFileBytesMax);
  if (!text) return std::move(text).error();
  Bytes out;
  const std::string_view digits = std::string_view(*text).substr(0, text->find_last_not_of(" \t\r\n") + 1);
  const bool good = from_hex(digits, out) && out.size() == bytes;
  ::explicit_bzero(text->data(), text->size());  // it may be a secret
  if (!good) return Error{Fault::config, path + " does not hold " + std::to_string(2 * bytes) + " hex digits"};
  return out;
}

Result<void> write_file_atomic(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(random_seed());
  Result<void> written = write_temporary(temporary, content, mode);
  if (written.ok() && ::rename(temporary.c_str(), path.c_str()) != 0) written = errno_error("rename", path);
  if (!written.ok()) {
    ::unlink(temporary.c_str());
    return written;
  }
  return make_posix_disk()->fsync_dir(folder_of(path));
}

Result<void> make_dirs(const std::string& path, unsigned mode) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    if (auto made = make_one_dir(path.substr(0, slash), mode); !made.ok()) return made;
  }
  return make_one_dir(path, mode);
}

}  // namespace wayside::os
