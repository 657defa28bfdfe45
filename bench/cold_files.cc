#include "bench/cold_files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>
#include <vector>

#include "common/os/ahead_reader.h"
#include "common/types.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kReadBytes = 1U << 20U;
constexpr std::uint64_t kPageBytes = 4096;
constexpr std::uint64_t kResidentPermilleMax = 2;

Error failed(const std::string& doing, const std::string& path) {
  return {Fault::io, doing + " " + path + ": " + std::strerror(errno), errno};
}

// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

Result<void> drop_one(const std::string& path, bool file) {
  const Descriptor opened(path);
  if (opened.get() < 0) return failed("open", path);
  if (::fsync(opened.get()) != 0) return failed("fsync", path);
  if (file && ::posix_fadvise(opened.get(), 0, 0, POSIX_FADV_DONTNEED) != 0) return failed("posix_fadvise", path);
  return {};
}

Result<std::uint64_t> resident_pages(const std::string& path, std::uint64_t bytes) {
  if (bytes == 0) return std::uint64_t{0};
  const Descriptor opened(path);
  void* at = ::mmap(nullptr, bytes, PROT_READ, MAP_SHARED, opened.get(), 0);
  if (at == MAP_FAILED) return failed("mmap", path);
  std::vector<unsigned char> pages((bytes + kPageBytes - 1) / kPageBytes);
  const int asked = ::mincore(at, bytes, pages.data());
  ::munmap(at, bytes);
  if (asked != 0) return failed("mincore", path);
  return static_cast<std::uint64_t>(
      std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1U) != 0; }));
}

std::vector<std::filesystem::directory_entry> below(const std::string& root) {
  std::vector<std::filesystem::directory_entry> entries;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) entries.push_back(entry);
  std::sort(entries.begin(), entries.end());
  return entries;
}

Result<std::uint64_t> read_one(const std::string& path, Bytes& buffer) {
  const Descriptor opened(path);
  if (opened.get() < 0) return failed("open", path);
  ::posix_fadvise(opened.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  std::uint64_t total = 0;
  for (;;) {
    const ssize_t n = ::read(opened.get(), buffer.data(), buffer.size());
    if (n < 0) return failed("read", path);
    if (n == 0) return total;
    total += static_cast<std::uint64_t>(n);
  }
}

std::vector<std::string> segments_below(const std::string& root) {
  std::vector<std::string> paths;
  for (const auto& entry : below(root)) {
    if (entry.path().extension() == ".seg") paths.push_back(entry.path().string());
  }
  return paths;
}

// Calls `read` with the number of a thread, in each; what they read together. Every thread reads or fails.
template <typename Read>
Result<PlainRead> time_threads(unsigned threads, const Read& read) {
  std::vector<Result<std::uint64_t>> results(threads, std::uint64_t{0});
  const auto begun = std::chrono::steady_clock::now();
  std::vector<std::thread> readers;
  for (unsigned thread = 0; thread < threads; ++thread) {
    readers.emplace_back([&, thread] { results[thread] = read(thread); });
  }
  for (auto& reader : readers) reader.join();
  PlainRead all;
  all.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  for (auto& result : results) {
    if (!result) return std::move(result).error();
    all.bytes += *result;
  }
  return all;
}

Result<std::uint64_t> read_all_ahead(const std::vector<std::string>& paths) {
  os::AheadReader reader(paths);
  std::uint64_t total = 0;
  for (const std::string& path : paths) {
    const os::AheadReader::File* file = reader.find(path);
    if (file == nullptr) return Error{Fault::not_found, path};
    std::uint64_t left = file->bytes;
    for (std::uint64_t piece = file->first_piece; left > 0; ++piece) {
      reader.release_below(piece);
      const std::size_t bytes = reader.piece(piece).size();
      if (bytes != std::min<std::uint64_t>(left, os::AheadReader::kPieceBytes)) return Error{Fault::io, path};
      left -= bytes;
    }
    total += file->bytes;
  }
  return total;
}

}  // namespace

Result<void> drop_pages(const std::string& root) {
  ::sync();
  std::uint64_t pages = 0;
  std::uint64_t resident = 0;
  for (const auto& entry : below(root)) {
    if (!entry.is_regular_file() && !entry.is_directory()) continue;
    const std::string path = entry.path().string();
    if (auto dropped = drop_one(path, entry.is_regular_file()); !dropped) return dropped;
    if (!entry.is_regular_file()) continue;
    auto stay = resident_pages(path, entry.file_size());
    if (!stay) return std::move(stay).error();
    resident += *stay;
    pages += entry.file_size() / kPageBytes;
  }
  if (resident * 1000 > pages * kResidentPermilleMax + 100'000) {
    return Error{Fault::internal, std::to_string(resident) + " of " + std::to_string(pages) + " pages stay in memory"};
  }
  return {};
}

Result<PlainRead> read_plainly(const std::string& root, unsigned threads) {
  const auto paths = segments_below(root);
  std::atomic<std::size_t> next = 0;
  return time_threads(threads, [&](unsigned) -> Result<std::uint64_t> {
    Bytes buffer(kReadBytes);
    std::uint64_t bytes = 0;
    for (std::size_t at = next++; at < paths.size(); at = next++) {
      auto one = read_one(paths[at], buffer);
      if (!one) return one;
      bytes += *one;
    }
    return bytes;
  });
}

Result<PlainRead> read_ahead(const std::string& root, unsigned threads) {
  std::vector<std::vector<std::string>> shares(threads);
  std::size_t at = 0;
  for (const std::string& path : segments_below(root)) shares[at++ % threads].push_back(path);
  return time_threads(threads, [&](unsigned thread) { return read_all_ahead(shares[thread]); });
}

}  // namespace wayside::bench
