#include "common/whole_file.h"
#include "spool/crc32c.h"
#include "spool/format.h"
#include "spool/segment_file.h"
#include "spool/spool.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

constexpr std::size_t kIdentityBytes = 8 + 4 + 16 + 4;
constexpr const char* kIdentityFile = "spool.uuid";

std::string identity_path(const std::string& root) { return root + "/" + kIdentityFile; }

Bytes encode_identity(const SpoolUuid& uuid) {
  Bytes out;
  put(out, ByteView(kUuidMagic));
  put(out, kFormatVersion);
  put(out, ByteView(uuid.bytes));
  put(out, crc32c(0, out));
  return out;
}

Result<SpoolUuid> read_identity(Disk& disk, const std::string& root) {
  const std::string path = identity_path(root);
  auto file = disk.open(path, OpenMode::read);
  if (!file) return std::move(file).error();
  Bytes bytes;
  if (auto read = (*file)->pread(bytes, kIdentityBytes, 0); !read) return std::move(read).error();
  Cursor cursor(bytes);
  const ByteView magic = cursor.take(8);
  const auto version = cursor.get<std::uint32_t>();
  SpoolUuid uuid;
  cursor.copy(uuid.bytes);
  const auto crc = cursor.get<std::uint32_t>();
  const bool ours = cursor.ok() && std::equal(magic.begin(), magic.end(), kUuidMagic.begin());
  if (!ours || crc != crc32c(0, ByteView(bytes).first(kIdentityBytes - 4))) {
    return Error{Fault::corrupt, path + " is damaged", 0};
  }
  if (version != kFormatVersion) return Error{Fault::unsupported, path + ": version " + std::to_string(version), 0};
  return uuid;
}

Result<void> create_identity(Disk& disk, const std::string& root, const SpoolUuid& uuid) {
  return store_whole(disk, root, kIdentityFile, encode_identity(uuid), kTemporarySuffix);
}

Result<std::unique_ptr<DiskFile>> lock_for(Disk& disk, const std::string& root, VolumeRole role) {
  return disk.lock(root + (role == VolumeRole::writer ? "/writer.lock" : "/settle.lock"));
}

}  // namespace

Result<Volume> open_volume(Disk& disk, const std::string& root, VolumeRole role, const SpoolUuid& fresh) {
  Volume volume;
  volume.root = root;
  if (role == VolumeRole::writer) {
    if (auto made = disk.make_dir(root); !made) return std::move(made).error();
  }
  auto there = disk.exists(identity_path(root));
  if (!there) return std::move(there).error();
  if (!*there && role != VolumeRole::writer) return Error{Fault::not_found, "no spool at " + root, 0};
  if (role != VolumeRole::reader) {
    auto lock = lock_for(disk, root, role);
    if (!lock) return std::move(lock).error();
    volume.lock = std::move(lock).value();
  }
  // Another writer may have made it between the look and the lock.
  there = disk.exists(identity_path(root));
  if (!there) return std::move(there).error();
  if (!*there) {
    if (auto made = create_identity(disk, root, fresh); !made) return std::move(made).error();
  }
  auto uuid = read_identity(disk, root);
  if (!uuid) return std::move(uuid).error();
  volume.uuid = *uuid;
  return volume;
}

}  // namespace wayside::spool
