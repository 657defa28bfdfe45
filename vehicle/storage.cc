#include "vehicle/storage.h"

namespace wayside::vehicle {
namespace {

constexpr std::uint64_t kBlobBytesMax = 16U << 20U;

Result<void> write_synced(Disk& disk, const std::string& path, ByteView content) {
  auto file = disk.open(path, OpenMode::create_new);
  if (!file) return file.error();
  if (auto written = (*file)->pwrite(content, 0); !written) return written;
  return (*file)->fdatasync();
}

}  // namespace

Result<DiskStorage> DiskStorage::open(Disk& disk, const std::string& dir) {
  if (auto made = disk.make_dir(dir); !made) return made.error();
  return DiskStorage(disk, dir);
}

Result<Bytes> DiskStorage::load(const std::string& name) {
  const std::string path = dir_ + "/" + name;
  const auto there = disk_->exists(path);
  if (!there) return there.error();
  if (!*there) return Bytes{};
  auto file = disk_->open(path, OpenMode::read);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size > kBlobBytesMax) return Error{Fault::corrupt, path + " is larger than anything stored here"};
  Bytes content;
  if (auto read = (*file)->pread(content, *size, 0); !read) return read.error();
  return content;
}

Result<void> DiskStorage::store(const std::string& name, ByteView content) {
  const std::string path = dir_ + "/" + name;
  const std::string temporary = path + ".new";
  const auto left_over = disk_->exists(temporary);
  if (!left_over) return left_over.error();
  if (*left_over) {
    if (auto removed = disk_->remove(temporary); !removed) return removed;
  }
  if (auto written = write_synced(*disk_, temporary, content); !written) return written;
  if (auto renamed = disk_->rename(temporary, path); !renamed) return renamed;
  return disk_->fsync_dir(dir_);
}

}  // namespace wayside::vehicle
