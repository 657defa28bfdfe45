#include "spool/whole_file.h"

#include "spool/segment_file.h"

namespace wayside::spool {
namespace {

Result<void> write(Disk& disk, DiskFile& file, const std::string& from, const std::string& to, ByteView bytes) {
  if (auto done = file.pwrite(bytes, 0); !done) return done;
  if (auto done = file.fdatasync(); !done) return done;
  return disk.rename(from, to);
}

}  // namespace

Result<std::unique_ptr<DiskFile>> replace_file(Disk& disk, const std::string& dir, const std::string& name,
                                               ByteView bytes) {
  const std::string path = dir + "/" + name;
  const std::string temporary = path + std::string(kTemporarySuffix);
  auto stale = disk.exists(temporary);
  if (!stale) return std::move(stale).error();
  if (*stale) {
    if (auto removed = disk.remove(temporary); !removed) return std::move(removed).error();
  }
  auto file = disk.open(temporary, OpenMode::create_new);
  if (!file) return file;
  if (auto done = write(disk, **file, temporary, path, bytes); !done) return std::move(done).error();
  if (auto done = disk.fsync_dir(dir); !done) return std::move(done).error();
  return file;
}

}  // namespace wayside::spool
