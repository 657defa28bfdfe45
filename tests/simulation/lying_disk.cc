#include "tests/simulation/lying_disk.h"

#include <algorithm>
#include <cstring>

#include "spool/format.h"

namespace wayside::test {
namespace {

class LyingFile final : public DiskFile {
 public:
  LyingFile(std::unique_ptr<DiskFile> file, Lies lies) : file_(std::move(file)), lies_(lies) {}
  Result<void> pwrite(ByteView bytes, std::uint64_t at) override { return file_->pwrite(bytes, at); }
  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override {
    auto read = file_->pread(out, size, at);
    if (read && lies_.tail) read = hide_last_group(out, at);
    if (!read || !lies_.claims) return read;
    constexpr std::uint64_t kEnd = spool::kClaimAt + spool::kClaimSlots * spool::kSectorBytes;
    for (std::uint64_t byte = std::max<std::uint64_t>(at, spool::kClaimAt); byte < std::min(kEnd, at + out.size());
         ++byte) {
      out[byte - at] = 0;
    }
    return read;
  }
  Result<void> fdatasync() override { return lies_.fdatasync ? Result<void>() : file_->fdatasync(); }
  Result<void> fallocate(std::uint64_t size) override { return file_->fallocate(size); }
  Result<void> truncate(std::uint64_t size) override { return file_->truncate(size); }
  Result<std::uint64_t> size() override { return file_->size(); }

 private:
  Result<void> hide_last_group(Bytes& out, std::uint64_t at) {
    const auto size = file_->size();
    if (!size) return size.error();
    Bytes whole;
    if (auto read = file_->pread(whole, *size, 0); !read) return read;
    std::uint64_t group = 0;
    for (std::uint64_t sector = spool::kHeaderBytes; sector + 4 <= whole.size(); sector += spool::kSectorBytes) {
      std::uint32_t magic = 0;
      std::memcpy(&magic, whole.data() + sector, sizeof magic);
      if (magic == spool::kGroupMagic) group = sector;
    }
    for (std::uint64_t byte = std::max(at, group); group > 0 && byte < at + out.size(); ++byte) out[byte - at] = 0;
    return {};
  }

  std::unique_ptr<DiskFile> file_;
  Lies lies_;
};

class LyingWord final : public SharedWord {
 public:
  LyingWord(std::unique_ptr<SharedWord> word, Lies lies) : word_(std::move(word)), lies_(lies) {}
  void store(std::uint64_t value) override { word_->store(value); }
  [[nodiscard]] std::uint64_t load() const override { return lies_.claims ? 0 : word_->load() + lies_.page_ahead; }

 private:
  std::unique_ptr<SharedWord> word_;
  Lies lies_;
};

}  // namespace

Result<std::unique_ptr<DiskFile>> LyingDisk::open(const std::string& path, OpenMode mode) {
  auto file = disk_.open(path, mode);
  if (!file) return file;
  Lies lies = lies_;
  const bool segment = path.find(".seg") != std::string::npos;
  lies.fdatasync &= segment;
  lies.claims &= segment;
  lies.tail &= segment;
  return std::unique_ptr<DiskFile>(std::make_unique<LyingFile>(std::move(*file), lies));
}

Result<void> LyingDisk::fsync_dir(const std::string& directory) {
  return lies_.fsync_dir ? Result<void>() : disk_.fsync_dir(directory);
}

Result<std::unique_ptr<SharedWord>> LyingDisk::map_word(const std::string& path, unsigned index) {
  auto word = disk_.map_word(path, index);
  if (!word) return word;
  return std::unique_ptr<SharedWord>(std::make_unique<LyingWord>(std::move(*word), lies_));
}

}  // namespace wayside::test
