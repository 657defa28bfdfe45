#include "spool/dry_disk.h"

#include <algorithm>

#include "spool/wire.h"

namespace wayside::spool {
namespace {

using Notes = std::shared_ptr<std::vector<std::string>>;

void add(std::vector<std::string>& notes, std::string what) {
  if (notes.size() < DryDisk::kNotesMax) notes.push_back(std::move(what));
}

// A file whose size follows what was asked of it, and whose bytes do not.
class DryFile final : public DiskFile {
 public:
  DryFile(std::unique_ptr<DiskFile> below, std::string path, std::uint64_t size, Notes notes)
      : below_(std::move(below)), path_(std::move(path)), size_(size), notes_(std::move(notes)) {}

  Result<void> pwrite(ByteView bytes, std::uint64_t at) override {
    add(*notes_, "write " + std::to_string(bytes.size()) + " bytes at " + std::to_string(at) + " of " + path_);
    size_ = std::max(size_, at + bytes.size());
    return {};
  }
  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override {
    if (below_) return below_->pread(out, size, at);
    out.clear();
    return {};
  }
  Result<void> fdatasync() override { return {}; }
  Result<void> fallocate(std::uint64_t size) override {
    size_ = std::max(size_, size);
    return {};
  }
  Result<void> truncate(std::uint64_t size) override {
    if (size != size_) add(*notes_, "cut " + path_ + " at " + std::to_string(size));
    size_ = size;
    return {};
  }
  Result<std::uint64_t> size() override { return size_; }

 private:
  std::unique_ptr<DiskFile> below_;  // none: a new file
  std::string path_;
  std::uint64_t size_;
  Notes notes_;
};

class CopiedWord final : public SharedWord {
 public:
  explicit CopiedWord(std::uint64_t value) : value_(value) {}
  void store(std::uint64_t value) override { value_ = value; }
  [[nodiscard]] std::uint64_t load() const override { return value_; }

 private:
  std::uint64_t value_;
};

}  // namespace

void DryDisk::note(std::string what) { add(*notes_, std::move(what)); }

Result<std::unique_ptr<DiskFile>> DryDisk::open(const std::string& path, OpenMode mode) {
  if (mode == OpenMode::read) return below_.open(path, mode);
  if (mode == OpenMode::create_new) {
    note("create " + path);
    return std::unique_ptr<DiskFile>(std::make_unique<DryFile>(nullptr, path, 0, notes_));
  }
  auto file = below_.open(path, OpenMode::read);
  if (!file) return file;
  auto size = (*file)->size();
  if (!size) return std::move(size).error();
  return std::unique_ptr<DiskFile>(std::make_unique<DryFile>(std::move(file).value(), path, *size, notes_));
}

Result<void> DryDisk::rename(const std::string& from, const std::string& to) {
  note("rename " + from + " to " + to);
  return {};
}

Result<void> DryDisk::remove(const std::string& path) {
  note("remove " + path);
  return {};
}

Result<void> DryDisk::fsync_dir(const std::string& directory) {
  static_cast<void>(directory);
  return {};
}

Result<void> DryDisk::make_dir(const std::string& path) {
  auto there = below_.exists(path);
  if (!there) return std::move(there).error();
  if (!*there) note("make " + path);
  return {};
}

// A folder that an open would make is an empty one.
Result<std::vector<std::string>> DryDisk::list(const std::string& directory) {
  auto there = below_.exists(directory);
  if (!there) return std::move(there).error();
  if (!*there) return std::vector<std::string>{};
  return below_.list(directory);
}

Result<bool> DryDisk::exists(const std::string& path) { return below_.exists(path); }

Result<std::unique_ptr<SharedWord>> DryDisk::map_word(const std::string& path, unsigned index) {
  auto there = below_.exists(path);
  if (!there) return std::move(there).error();
  Bytes bytes;
  if (*there) {
    auto file = below_.open(path, OpenMode::read);
    if (!file) return std::move(file).error();
    if (auto read = (*file)->pread(bytes, sizeof(std::uint64_t), index * sizeof(std::uint64_t)); !read) {
      return std::move(read).error();
    }
  }
  return std::unique_ptr<SharedWord>(std::make_unique<CopiedWord>(Cursor(bytes).get<std::uint64_t>()));
}

Result<std::unique_ptr<DiskFile>> DryDisk::lock(const std::string& path) {
  return Error{Fault::denied, path + ": a dry run takes no lock", 0};
}

}  // namespace wayside::spool
