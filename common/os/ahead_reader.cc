#include "common/os/ahead_reader.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "common/os/errors.h"
#include "common/result.h"

namespace wayside::os {
namespace {

constexpr std::size_t kBlockBytes = 4096;  // what is read past the page cache has its place and length in these
constexpr std::size_t kHugePageBytes = 2U << 20U;
constexpr std::size_t kBufferBytes = AheadReader::kInFlight * AheadReader::kPieceBytes;
static_assert(AheadReader::kPieceBytes % kBlockBytes == 0, "a piece begins where a direct read may");
static_assert(kBufferBytes % kHugePageBytes == 0, "the buffer is whole huge pages");

// Owns: the descriptor of the file it read last. Thread: one.
class PieceSource {
 public:
  PieceSource() = default;
  ~PieceSource() { close(); }
  PieceSource(const PieceSource&) = delete;
  PieceSource& operator=(const PieceSource&) = delete;

  // Bytes that could be read, up to `size`.
  std::size_t read(const AheadReader::File& file, std::uint64_t at, std::uint8_t* buffer, std::size_t size) {
    if (&file != file_) open(file);
    std::size_t done = 0;
    while (done < size) {
      // The whole piece is asked for, also behind the end of the file: a direct read has a length of whole blocks.
      const ssize_t n = retry_eintr([&] {
        return ::pread(descriptor_, buffer + done, AheadReader::kPieceBytes - done, static_cast<off_t>(at + done));
      });
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    return std::min(done, size);
  }

 private:
  void open(const AheadReader::File& file) {
    close();
    file_ = &file;
    const char* path = file.path.c_str();
    descriptor_ = retry_eintr([&] { return ::open(path, O_RDONLY | O_CLOEXEC | O_DIRECT); });
    if (descriptor_ < 0) descriptor_ = retry_eintr([&] { return ::open(path, O_RDONLY | O_CLOEXEC); });
  }
  void close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
  }

  const AheadReader::File* file_ = nullptr;
  int descriptor_ = -1;
};

std::uint64_t pieces_of(std::uint64_t bytes) {
  return (bytes + AheadReader::kPieceBytes - 1) / AheadReader::kPieceBytes;
}

// In huge pages where there are any: a device is given one piece of memory then, not one for each page of 4 KiB, which
// made a virtual disk twice as fast.
std::uint8_t* new_buffer() {
  void* buffer = std::aligned_alloc(kHugePageBytes, kBufferBytes);
  WAYSIDE_ASSERT(buffer != nullptr);
  ::madvise(buffer, kBufferBytes, MADV_HUGEPAGE);  // advice: without it the pages are small
  return static_cast<std::uint8_t*>(buffer);
}

}  // namespace

void AheadReader::FreeBuffer::operator()(std::uint8_t* buffer) const { std::free(buffer); }

AheadReader::AheadReader(const std::vector<std::string>& paths) {
  for (const std::string& path : paths) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) continue;
    files_.push_back({path, static_cast<std::uint64_t>(status.st_size), pieces_});
    pieces_ += pieces_of(files_.back().bytes);
  }
  if (pieces_ > 0) buffer_.reset(new_buffer());
  for (std::size_t slot = 0; slot < std::min<std::uint64_t>(kInFlight, pieces_); ++slot) {
    threads_.emplace_back([this, slot] { run(slot); });
  }
}

AheadReader::~AheadReader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wanted_.notify_all();
  for (auto& thread : threads_) thread.join();
}

const AheadReader::File* AheadReader::find(const std::string& path) const {
  const auto at = std::find_if(files_.begin(), files_.end(), [&](const File& file) { return file.path == path; });
  return at == files_.end() ? nullptr : &*at;
}

void AheadReader::release_below(std::uint64_t number) {
  if (number <= released_) return;
  {
    const std::lock_guard lock(mutex_);
    released_ = number;
  }
  wanted_.notify_all();
}

ByteView AheadReader::piece(std::uint64_t number) {
  WAYSIDE_ASSERT(number < pieces_ && number >= released_ && number - released_ < kInFlight);
  const Slot& slot = slots_[number % kInFlight];
  std::unique_lock lock(mutex_);
  read_.wait(lock, [&] { return slot.number == number; });
  return {buffer_of(number % kInFlight), slot.bytes};
}

bool AheadReader::await_turn(std::uint64_t number) {
  std::unique_lock lock(mutex_);
  wanted_.wait(lock, [&] { return stop_ || number < released_ + kInFlight; });
  return !stop_;
}

void AheadReader::run(std::size_t slot) {
  PieceSource source;
  auto file = files_.begin();
  for (std::uint64_t number = slot; number < pieces_; number += kInFlight) {
    if (!await_turn(number)) return;
    while (number >= file->first_piece + pieces_of(file->bytes)) ++file;
    const std::uint64_t at = (number - file->first_piece) * kPieceBytes;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, file->bytes - at));
    const std::size_t bytes = source.read(*file, at, buffer_of(slot), size);
    {
      const std::lock_guard lock(mutex_);
      slots_[slot].number = number;
      slots_[slot].bytes = bytes;
    }
    read_.notify_one();
  }
}

}  // namespace wayside::os
