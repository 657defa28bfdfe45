#include "common/os/ahead_disk.h"

#include <algorithm>

namespace wayside::os {
namespace {

constexpr std::uint64_t kPieceBytes = AheadReader::kPieceBytes;

// Owns: the plain file. Thread: one.
class AheadFile final : public DiskFile {
 public:
  AheadFile(std::unique_ptr<DiskFile> plain, std::shared_ptr<AheadReader> reader, const AheadReader::File& file)
      : plain_(std::move(plain)), reader_(std::move(reader)), file_(file) {
    reader_->release_below(file_.first_piece);
  }

  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override {
    if (read_ahead(out, size, at)) return {};
    return plain_->pread(out, size, at);
  }
  Result<std::uint64_t> size() override { return plain_->size(); }
  Result<void> pwrite(ByteView bytes, std::uint64_t at) override { return plain_->pwrite(bytes, at); }
  Result<void> fdatasync() override { return plain_->fdatasync(); }
  Result<void> fallocate(std::uint64_t size) override { return plain_->fallocate(size); }
  Result<void> truncate(std::uint64_t size) override { return plain_->truncate(size); }

 private:
  // False: not from what was read ahead.
  bool read_ahead(Bytes& out, std::size_t size, std::uint64_t at) {
    if (at >= file_.bytes || size == 0) return false;
    const std::uint64_t end = at + std::min<std::uint64_t>(size, file_.bytes - at);
    const std::uint64_t first = file_.first_piece + at / kPieceBytes;
    const std::uint64_t last = file_.first_piece + (end - 1) / kPieceBytes;
    const std::uint64_t released = reader_->released();
    if (first < released || first - released >= AheadReader::kInFlight) return false;
    if (last - first >= AheadReader::kInFlight) return false;
    reader_->release_below(first);
    out.resize(static_cast<std::size_t>(end - at));
    for (std::uint64_t number = first; number <= last; ++number) {
      if (!copy(number, at, end, out)) return false;
    }
    return true;
  }

  // The part of [at, end) that lies in piece `number`.
  bool copy(std::uint64_t number, std::uint64_t at, std::uint64_t end, Bytes& out) {
    const std::uint64_t start = (number - file_.first_piece) * kPieceBytes;
    const std::uint64_t from = std::max(at, start);
    const std::uint64_t to = std::min(end, start + kPieceBytes);
    const ByteView piece = reader_->piece(number);
    if (piece.size() < to - start) return false;
    const ByteView part = piece.subspan(from - start, to - from);
    std::copy(part.begin(), part.end(), out.begin() + static_cast<std::ptrdiff_t>(from - at));
    return true;
  }

  std::unique_ptr<DiskFile> plain_;
  std::shared_ptr<AheadReader> reader_;
  const AheadReader::File& file_;  // the reader's
};

}  // namespace

Result<std::unique_ptr<DiskFile>> AheadDisk::open(const std::string& path, OpenMode mode) {
  auto plain = below_.open(path, mode);
  if (!plain || mode != OpenMode::read || !reader_) return plain;
  const AheadReader::File* file = reader_->find(path);
  if (file == nullptr) return plain;
  return std::unique_ptr<DiskFile>(std::make_unique<AheadFile>(std::move(plain).value(), reader_, *file));
}

void AheadDisk::expect_reads(const std::vector<std::string>& paths) { reader_ = std::make_shared<AheadReader>(paths); }

}  // namespace wayside::os
