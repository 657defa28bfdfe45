#include "tests/power/power_sqlite.h"

#include <poll.h>
#include <sqlite3.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace wayside::test::power {
namespace {

constexpr const char* kName = "power";

std::shared_ptr<HostFiles> the_host;  // of this process
sqlite3_vfs* below = nullptr;         // SQLite's own

// What SQLite allocates for one open file: this, and behind it the file of the VFS below.
struct LosingFile {
  sqlite3_file base;
  std::string* path;
  std::uint64_t inode;
  bool syncs_directory;  // with its first sync
  [[nodiscard]] sqlite3_file* plain() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};
static_assert(sizeof(LosingFile) % 8 == 0, "SQLite aligns files to 8 bytes");

LosingFile& ours(sqlite3_file* file) { return *reinterpret_cast<LosingFile*>(file); }
sqlite3_file* plain(sqlite3_file* file) { return ours(file).plain(); }

Result<void> read_old(sqlite3_file* file, std::uint64_t size, Bytes& out, std::size_t bytes, std::uint64_t at) {
  out.assign(static_cast<std::size_t>(std::min<std::uint64_t>(bytes, size > at ? size - at : 0)), 0);
  if (out.empty()) return {};
  const int code =
      file->pMethods->xRead(file, out.data(), static_cast<int>(out.size()), static_cast<sqlite3_int64>(at));
  return code == SQLITE_OK ? Result<void>() : Result<void>(Error{Fault::io, "read", code});
}

bool told(EventKind kind, sqlite3_file* file, std::uint64_t from, std::optional<std::uint64_t> to) {
  sqlite3_file* under = plain(file);
  sqlite3_int64 signed_size = 0;
  if (under->pMethods->xFileSize(under, &signed_size) != SQLITE_OK) return false;
  const auto size = static_cast<std::uint64_t>(signed_size);
  const auto read = [&](Bytes& out, std::size_t bytes, std::uint64_t at) {
    return read_old(under, size, out, bytes, at);
  };
  return the_host->changing(kind, ours(file).inode, size, from, to.value_or(std::max(from, size)), read).ok();
}

int on_close(sqlite3_file* file) {
  const int code = plain(file)->pMethods->xClose(plain(file));
  delete ours(file).path;
  return code;
}
int on_read(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  return plain(file)->pMethods->xRead(plain(file), out, size, at);
}
int on_write(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  const auto from = static_cast<std::uint64_t>(at);
  if (!told(EventKind::written, file, from, from + static_cast<std::uint64_t>(size))) return SQLITE_IOERR_WRITE;
  return plain(file)->pMethods->xWrite(plain(file), bytes, size, at);
}
int on_truncate(sqlite3_file* file, sqlite3_int64 size) {
  if (!told(EventKind::resized, file, static_cast<std::uint64_t>(size), {})) return SQLITE_IOERR_TRUNCATE;
  return plain(file)->pMethods->xTruncate(plain(file), size);
}
int on_sync(sqlite3_file* file, int flags) {
  if (the_host->planted() == Planted::sqlite_sync) return SQLITE_OK;
  ::poll(nullptr, 0, the_host->sync_ms());
  const std::lock_guard lock(the_host->names());
  const int code = plain(file)->pMethods->xSync(plain(file), flags);
  if (code != SQLITE_OK) return code;
  if (!the_host->synced(ours(file).inode).ok()) return SQLITE_IOERR_FSYNC;
  if (!std::exchange(ours(file).syncs_directory, false)) return SQLITE_OK;
  return the_host->dir_synced(parent_of(*ours(file).path)).ok() ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}
int on_size(sqlite3_file* file, sqlite3_int64* size) { return plain(file)->pMethods->xFileSize(plain(file), size); }
int on_lock(sqlite3_file* file, int level) { return plain(file)->pMethods->xLock(plain(file), level); }
int on_unlock(sqlite3_file* file, int level) { return plain(file)->pMethods->xUnlock(plain(file), level); }
int on_check_lock(sqlite3_file* file, int* held) {
  return plain(file)->pMethods->xCheckReservedLock(plain(file), held);
}
int on_control(sqlite3_file* file, int what, void* with) {
  return plain(file)->pMethods->xFileControl(plain(file), what, with);
}
int on_sector(sqlite3_file* file) { return plain(file)->pMethods->xSectorSize(plain(file)); }
int on_device(sqlite3_file* file) { return plain(file)->pMethods->xDeviceCharacteristics(plain(file)); }
int on_map(sqlite3_file* file, int page, int size, int extend, void volatile** at) {
  return plain(file)->pMethods->xShmMap(plain(file), page, size, extend, at);
}
int on_map_lock(sqlite3_file* file, int first, int count, int flags) {
  return plain(file)->pMethods->xShmLock(plain(file), first, count, flags);
}
void on_barrier(sqlite3_file* file) { plain(file)->pMethods->xShmBarrier(plain(file)); }
int on_unmap(sqlite3_file* file, int remove) { return plain(file)->pMethods->xShmUnmap(plain(file), remove); }

// Version 2: no mapped pages, so every change goes through on_write.
constexpr sqlite3_io_methods kMethods = {
    2,          on_close,  on_read,   on_write, on_truncate, on_sync,    on_size,  on_lock, on_unlock, on_check_lock,
    on_control, on_sector, on_device, on_map,   on_map_lock, on_barrier, on_unmap, nullptr, nullptr};

int open_one(sqlite3_vfs* /*vfs*/, const char* path, sqlite3_file* file, int flags, int* got) {
  LosingFile& losing = ours(file);
  losing.base.pMethods = nullptr;
  const std::lock_guard lock(the_host->names());
  const bool fresh = path != nullptr && inode_of(path) == 0;
  const int code = below->xOpen(below, path, losing.plain(), flags, got);
  if (losing.plain()->pMethods == nullptr) return code;
  losing.base.pMethods = &kMethods;  // also after a fault: SQLite closes what has methods
  losing.path = new std::string(path == nullptr ? "" : path);
  losing.inode = inode_of(*losing.path);
  losing.syncs_directory =
      fresh && (flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL)) != 0;
  if (code == SQLITE_OK && fresh && !the_host->created(*losing.path).ok()) return SQLITE_IOERR;
  return code;
}

int remove_one(sqlite3_vfs* /*vfs*/, const char* path, int syncs_directory) {
  const std::lock_guard lock(the_host->names());
  if (!the_host->removing(path).ok()) return SQLITE_IOERR_DELETE;
  const bool idle = the_host->planted() == Planted::sqlite_sync;
  const int code = below->xDelete(below, path, idle ? 0 : syncs_directory);
  if (code != SQLITE_OK || syncs_directory == 0 || idle) return code;
  return the_host->dir_synced(parent_of(path)).ok() ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}

}  // namespace

Result<void> use_for_sqlite(std::shared_ptr<HostFiles> host) {
  the_host = std::move(host);
  if (below != nullptr) return {};
  below = sqlite3_vfs_find(nullptr);
  if (below == nullptr) return Error{Fault::internal, "SQLite has no VFS"};
  static sqlite3_vfs losing = *below;
  losing.zName = kName;
  losing.pNext = nullptr;
  losing.szOsFile = static_cast<int>(sizeof(LosingFile)) + below->szOsFile;
  losing.xOpen = open_one;
  losing.xDelete = remove_one;
  if (sqlite3_vfs_register(&losing, 1) != SQLITE_OK) return Error{Fault::internal, "SQLite takes no VFS"};
  return {};
}

}  // namespace wayside::test::power
