#include "common/whole_file.h"

namespace wayside {
namespace {

Result<void> write(Disk& disk, DiskFile& file, const std::string& from, const std::string& to, ByteView bytes) {
  if (auto done = file.pwrite(bytes, 0); !done) return done;
  if (auto done = file.fdatasync(); !done) return done;
  return disk.rename(from, to);
}

}  // namespace

Result<std::unique_ptr<DiskFile>> replace_whole(Disk& disk, const std::string& dir, const std::string& name,
                                                ByteView bytes, std::string_view beside) {
  const std::string path = dir + "/" + name;
  const std::string fresh = path + std::string(beside);
  auto stale = disk.exists(fresh);
  if (!stale) return std::move(stale).error();
  if (*stale) {
    if (auto removed = disk.remove(fresh); !removed) return std::move(removed).error();
  }
  auto file = disk.open(fresh, OpenMode::create_new);
  if (!file) return file;
  if (auto done = write(disk, **file, fresh, path, bytes); !done) return std::move(done).error();
  if (auto done = disk.fsync_dir(dir); !done) return std::move(done).error();
  return file;
}

Result<void> store_whole(Disk& disk, const std::string& dir, const std::string& name, ByteView bytes,
                         std::string_view beside) {
  auto file = replace_whole(disk, dir, name, bytes, beside);
  return file ? Result<void>() : std::move(file).error();
}

Result<std::optional<Bytes>> load_whole(Disk& disk, const std::string& dir, const std::string& name,
                                        std::uint64_t bytes_max) {
  const std::string path = dir + "/" + name;
  const Result<bool> there = disk.exists(path);
  if (!there) return there.error();
  if (!*there) return std::optional<Bytes>();
  Result<std::unique_ptr<DiskFile>> file = disk.open(path, OpenMode::read);
  if (!file) return file.error();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size) return size.error();
  if (*size > bytes_max) return Error{Fault::corrupt, path + " is larger than one ever written"};
  Bytes bytes;
  if (Result<void> read = (*file)->pread(bytes, *size, 0); !read) return read.error();
  return std::optional<Bytes>(std::move(bytes));
}

}  // namespace wayside
