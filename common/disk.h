// The disk seam: exactly the calls the spool makes, so that the simulator can lose, tear, reorder and
// fail each of them. common/os/posix_disk.h is the real one, tests/support/sim_disk.h the other.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "common/types.h"

namespace wayside {

// An open file. Closing is the destructor's; it never reports (what must last was synced before).
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  // Writes all of `bytes` at `at`, or fails; a short write is a failure with what was written unknown.
  virtual Result<void> pwrite(ByteView bytes, std::uint64_t at) = 0;
  // Reads up to `size` bytes into `out` (resized to what was read; short only at end of file).
  virtual Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) = 0;
  // Durable when it returns ok. After a failure nothing may be assumed about un-synced bytes.
  virtual Result<void> fdatasync() = 0;
  // Reserves `size` bytes from 0, reading as zero where nothing was written. Grows the file.
  virtual Result<void> fallocate(std::uint64_t size) = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() = 0;
};

// A 64-bit word shared between processes through a mapped file (the synced and settled pages).
// store is release, load is acquire. It survives the death of a process, not a loss of power.
class SharedWord {
 public:
  virtual ~SharedWord() = default;
  virtual void store(std::uint64_t value) = 0;
  [[nodiscard]] virtual std::uint64_t load() const = 0;
};

enum class OpenMode : std::uint8_t { read, read_write, create_new };

// Paths are absolute. Thread: one Disk may be used from many threads, one DiskFile from one.
class Disk {
 public:
  virtual ~Disk() = default;
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) = 0;
  // A hint: these files, which nobody changes any more, will be opened and read in this order, each from the first byte
  // to the last. Nothing depends on it.
  virtual void expect_reads(const std::vector<std::string>& paths) { static_cast<void>(paths); }
  // A hint: this file, which nobody writes any more and all of which was synced, need not stay in memory. Nothing
  // depends on it.
  virtual void let_go(const std::string& path) { static_cast<void>(path); }
  // Of a file or of a folder with all that it holds.
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  // A file, or a folder that is empty.
  virtual Result<void> remove(const std::string& path) = 0;
  // Makes creations, renames and removals in `directory` durable.
  virtual Result<void> fsync_dir(const std::string& directory) = 0;
  virtual Result<void> make_dir(const std::string& path) = 0;  // parents too; fine if it exists
  // Names (not paths) in `directory`, sorted.
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;
  virtual Result<bool> exists(const std::string& path) = 0;
  // Opens (creating it, zero) word `index` (0..511) of the page file at `path`.
  virtual Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) = 0;
  // Exclusive lock held as long as the returned object lives; Fault::locked if another holds it.
  virtual Result<std::unique_ptr<DiskFile>> lock(const std::string& path) = 0;
};

}  // namespace wayside
