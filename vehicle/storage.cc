#include "vehicle/storage.h"

#include "common/whole_file.h"

namespace wayside::vehicle {
namespace {

constexpr std::uint64_t kBlobBytesMax = 16U << 20U;

}  // namespace

Result<DiskStorage> DiskStorage::open(Disk& disk, const std::string& dir) {
  if (auto made = disk.make_dir(dir); !made) return made.error();
  return DiskStorage(disk, dir);
}

Result<Bytes> DiskStorage::load(const std::string& name) {
  auto content = load_whole(*disk_, dir_, name, kBlobBytesMax);
  if (!content) return std::move(content).error();
  return std::move(*content).value_or(Bytes{});
}

Result<void> DiskStorage::store(const std::string& name, ByteView content) {
  return store_whole(*disk_, dir_, name, content);
}

}  // namespace wayside::vehicle
