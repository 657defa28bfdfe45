// SQLite on files whose calls fail when a test says so: a VFS over SQLite's own, for every database that is opened
// while it is there.
#pragma once

#include <sqlite3.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>

namespace wayside::test {

enum class SqliteCall : int { write, sync, truncate, read, any };

// Owns    the VFS, one at a time.   Thread  any.
class SqliteFaults {
 public:
  SqliteFaults() {
    below_ = sqlite3_vfs_find(nullptr);
    vfs_ = *below_;
    vfs_.zName = "faults";
    vfs_.pNext = nullptr;
    vfs_.xOpen = open;
    REQUIRE(sqlite3_vfs_register(&vfs_, 1) == SQLITE_OK);
  }
  ~SqliteFaults() { sqlite3_vfs_unregister(&vfs_); }
  SqliteFaults(const SqliteFaults&) = delete;
  SqliteFaults& operator=(const SqliteFaults&) = delete;

  // The next `times` such calls behind `after` more fail with `code`.
  static void fail(SqliteCall call, int code, int after, int times) {
    call_ = static_cast<int>(call);
    code_ = code;
    after_ = after;
    times_ = times;
  }
  static void heal() { times_ = 0; }
  [[nodiscard]] static bool over() { return times_ == 0; }

 private:
  static int fault(SqliteCall call) {
    const bool meant = call_ == static_cast<int>(call) || call_ == static_cast<int>(SqliteCall::any);
    if (!meant || times_ <= 0) return SQLITE_OK;
    if (after_-- > 0) return SQLITE_OK;
    --times_;
    return code_;
  }
  // The methods of SQLite's own file, ours in the place of four: the file stays SQLite's.
  static int open(sqlite3_vfs* /*vfs*/, const char* path, sqlite3_file* file, int flags, int* got) {
    const int code = below_->xOpen(below_, path, file, flags, got);
    if (file->pMethods == nullptr) return code;
    plain_ = file->pMethods;
    sqlite3_io_methods& ours = methods_[(flags & SQLITE_OPEN_MAIN_DB) != 0 ? 0 : 1];  // locks differ, the four do not
    ours = *plain_;
    ours.xWrite = [](sqlite3_file* on, const void* bytes, int size, sqlite3_int64 at) {
      const int failed = fault(SqliteCall::write);
      return failed != SQLITE_OK ? failed : plain_->xWrite(on, bytes, size, at);
    };
    ours.xSync = [](sqlite3_file* on, int how) {
      const int failed = fault(SqliteCall::sync);
      return failed != SQLITE_OK ? failed : plain_->xSync(on, how);
    };
    ours.xTruncate = [](sqlite3_file* on, sqlite3_int64 size) {
      const int failed = fault(SqliteCall::truncate);
      return failed != SQLITE_OK ? failed : plain_->xTruncate(on, size);
    };
    ours.xRead = [](sqlite3_file* on, void* out, int size, sqlite3_int64 at) {
      const int failed = fault(SqliteCall::read);
      return failed != SQLITE_OK ? failed : plain_->xRead(on, out, size, at);
    };
    file->pMethods = &ours;
    return code;
  }

  static inline sqlite3_vfs* below_ = nullptr;
  static inline sqlite3_vfs vfs_{};
  static inline const sqlite3_io_methods* plain_ = nullptr;
  static inline std::array<sqlite3_io_methods, 2> methods_{};
  static inline std::atomic<int> call_ = 0;
  static inline std::atomic<int> code_ = 0;
  static inline std::atomic<int> after_ = 0;
  static inline std::atomic<int> times_ = 0;
};

}  // namespace wayside::test
