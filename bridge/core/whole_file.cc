#include "bridge/core/whole_file.h"

#include "bridge/core/wire.h"

namespace wayside::bridge::core {
namespace {

constexpr std::size_t kChecksumBytes = 8;

std::uint64_t checksum(ByteView bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3ULL;
  return hash;
}

// What a death left of an earlier try.
Result<void> clear(Disk& disk, const std::string& path) {
  const Result<bool> left_over = disk.exists(path);
  if (!left_over) return left_over.error();
  return *left_over ? disk.remove(path) : Result<void>();
}

}  // namespace

void seal(Bytes& bytes) { WireWriter(bytes).number(checksum(bytes), kChecksumBytes); }

std::optional<ByteView> unseal(ByteView bytes, std::string_view magic) {
  if (bytes.size() < magic.size() + kChecksumBytes) return std::nullopt;
  const ByteView body = bytes.first(bytes.size() - kChecksumBytes);
  if (WireReader(bytes.last(kChecksumBytes)).number(kChecksumBytes) != checksum(body)) return std::nullopt;
  if (as_text(body.first(magic.size())) != magic) return std::nullopt;
  return body;
}

Result<void> store_whole(Disk& disk, const std::string& dir, const std::string& name, ByteView bytes) {
  const std::string path = dir + "/" + name;
  const std::string fresh = path + ".new";
  if (Result<void> cleared = clear(disk, fresh); !cleared) return cleared;
  Result<std::unique_ptr<DiskFile>> file = disk.open(fresh, OpenMode::create_new);
  if (!file) return file.error();
  if (Result<void> written = (*file)->pwrite(bytes, 0); !written) return written;
  if (Result<void> synced = (*file)->fdatasync(); !synced) return synced;
  if (Result<void> renamed = disk.rename(fresh, path); !renamed) return renamed;
  return disk.fsync_dir(dir);
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

}  // namespace wayside::bridge::core
