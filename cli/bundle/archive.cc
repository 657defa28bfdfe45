#include "cli/bundle/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>

namespace wayside::cli {
namespace {

constexpr std::size_t kBlockBytes = 512;
constexpr std::size_t kNameBytesMax = 100;

// A field of a tar header (POSIX ustar): octal digits and a NUL.
void put_octal(std::array<char, kBlockBytes>& header, std::size_t at, std::size_t width, std::uint64_t value) {
  std::snprintf(header.data() + at, width, "%0*llo", static_cast<int>(width) - 1,
                static_cast<unsigned long long>(value));
}

std::array<char, kBlockBytes> header_of(const std::string& name, std::size_t size, WallMs made) {
  std::array<char, kBlockBytes> header{};
  std::memcpy(header.data(), name.data(), name.size());
  put_octal(header, 100, 8, 0600);
  put_octal(header, 108, 8, 0);
  put_octal(header, 116, 8, 0);
  put_octal(header, 124, 12, size);
  put_octal(header, 136, 12, static_cast<std::uint64_t>(made.value / 1000));
  std::memset(header.data() + 148, ' ', 8);
  header[156] = '0';
  std::memcpy(header.data() + 257, "ustar\00000", 8);
  const auto sum = std::accumulate(header.begin(), header.end(), 0U,
                                   [](unsigned total, char c) { return total + static_cast<unsigned char>(c); });
  std::snprintf(header.data() + 148, 8, "%06o", sum);
  return header;
}

Result<std::string> zstd_packed(const std::string& tar) {
  std::string out(ZSTD_compressBound(tar.size()), '\0');
  const std::size_t size = ZSTD_compress(out.data(), out.size(), tar.data(), tar.size(), ZSTD_CLEVEL_DEFAULT);
  if (ZSTD_isError(size) != 0) return Error{Fault::internal, ZSTD_getErrorName(size)};
  out.resize(size);
  return out;
}

Result<std::string> gzip_packed(const std::string& tar) {
  constexpr int kGzipWindow = 15 + 16;
  z_stream stream{};
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return Error{Fault::internal, "gzip does not begin"};
  }
  std::string out(deflateBound(&stream, tar.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(tar.data()));
  stream.avail_in = static_cast<uInt>(tar.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int ended = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  if (ended != Z_STREAM_END) return Error{Fault::internal, "gzip does not end"};
  return out;
}

Error fault_of(const std::string& path) {
  return Error{errno == EEXIST ? Fault::exists : Fault::io, path + ": " + std::strerror(errno), errno};
}

Result<void> write_synced(int fd, const std::string& path, std::string_view content) {
  while (!content.empty()) {
    const auto put = ::write(fd, content.data(), content.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return fault_of(path);
    content.remove_prefix(static_cast<std::size_t>(put));
  }
  if (fsync(fd) != 0) return fault_of(path);
  return {};
}

}  // namespace

bool packing_of(const std::string& path, Packing& packing) {
  if (path.ends_with(".tar.zst")) return packing = Packing::zstd, true;
  if (path.ends_with(".tar.gz") || path.ends_with(".tgz")) return packing = Packing::gzip, true;
  return false;
}

void Archive::add(const std::string& name, std::string_view content) {
  WAYSIDE_ASSERT(name.size() <= kNameBytesMax);
  const auto header = header_of(name, content.size(), made_);
  tar_.append(header.data(), header.size());
  tar_.append(content);
  tar_.append((kBlockBytes - content.size() % kBlockBytes) % kBlockBytes, '\0');
}

Result<std::string> Archive::packed(Packing packing) const {
  const std::string ended = tar_ + std::string(2 * kBlockBytes, '\0');
  return packing == Packing::zstd ? zstd_packed(ended) : gzip_packed(ended);
}

Result<void> write_new_file(const std::string& path, std::string_view content) {
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string part = path + "." + std::to_string(getpid()) + ".part";
  const int fd = ::open(part.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) return fault_of(part);
  Result<void> done = fchmod(fd, 0600) == 0 ? write_synced(fd, part, content) : Result<void>(fault_of(part));
  ::close(fd);
  // A rename would take the place of what is there; a second name does not.
  if (done && ::link(part.c_str(), path.c_str()) != 0) done = fault_of(path);
  ::unlink(part.c_str());
  if (!done) return done;
  const int dir = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return fault_of(folder);
  if (fsync(dir) != 0) done = fault_of(folder);
  ::close(dir);
  return done;
}

}  // namespace wayside::cli
