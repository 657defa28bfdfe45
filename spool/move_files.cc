// The two small files of a move: whole, or as good as not there.
#include "common/whole_file.h"
#include "spool/crc32c.h"
#include "spool/move.h"
#include "spool/segment_file.h"
#include "spool/wire.h"

namespace wayside::spool {
namespace {

constexpr std::array<std::uint8_t, 8> kClosingMagic = {'W', 'S', 'C', 'L', 'O', 'S', 'E', '1'};
constexpr std::array<std::uint8_t, 8> kMovedMagic = {'W', 'S', 'M', 'O', 'V', 'E', 'D', '1'};
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kFileBytesMax = 4096;

Bytes begin(const std::array<std::uint8_t, 8>& magic, const SpoolUuid& uuid) {
  Bytes out;
  put(out, ByteView(magic));
  put(out, kVersion);
  put(out, ByteView(uuid.bytes));
  return out;
}

void put_end(Bytes& out, const LaneEnd& end) {
  put(out, end.common.value);
  put(out, end.core_next.value);
  put(out, ByteView(end.core_digest.bytes));
  put(out, static_cast<std::uint8_t>(end.exact ? 1 : 0));
}

LaneEnd get_end(Cursor& in) {
  LaneEnd end;
  end.common.value = in.get<std::uint64_t>();
  end.core_next.value = in.get<std::uint64_t>();
  in.copy(end.core_digest.bytes);
  end.exact = in.get<std::uint8_t>() != 0;
  return end;
}

Result<void> store(Disk& disk, const std::string& dir, const char* name, Bytes bytes) {
  put(bytes, crc32c(0, bytes));
  return store_whole(disk, dir, name, bytes, kTemporarySuffix);
}

// Behind magic, version and uuid; nullopt: none that is whole and of this uuid.
Result<std::optional<Bytes>> load(Disk& disk, const std::string& dir, const char* name,
                                  const std::array<std::uint8_t, 8>& magic, const SpoolUuid& uuid) {
  const std::optional<Bytes> none;
  const std::string path = dir + "/" + name;
  auto there = disk.exists(path);
  if (!there) return std::move(there).error();
  if (!*there) return none;
  auto file = disk.open(path, OpenMode::read);
  if (!file) return std::move(file).error();
  Bytes bytes;
  if (auto read = (*file)->pread(bytes, kFileBytesMax, 0); !read) return std::move(read).error();
  const Bytes head = begin(magic, uuid);
  if (bytes.size() < head.size() + 4 || !std::equal(head.begin(), head.end(), bytes.begin())) return none;
  Cursor crc(ByteView(bytes).last(4));
  if (crc.get<std::uint32_t>() != crc32c(0, ByteView(bytes).first(bytes.size() - 4))) return none;
  return std::optional<Bytes>(Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(head.size()), bytes.end() - 4));
}

}  // namespace

Result<void> store_closing(Disk& disk, const std::string& root, const ClosingMark& mark) {
  Bytes out = begin(kClosingMagic, mark.uuid);
  for (const LaneEnd& end : mark.lanes) put_end(out, end);
  return store(disk, root, kClosingFile, std::move(out));
}

Result<std::optional<ClosingMark>> load_closing(Disk& disk, const std::string& root, const SpoolUuid& uuid) {
  auto bytes = load(disk, root, kClosingFile, kClosingMagic, uuid);
  if (!bytes) return std::move(bytes).error();
  if (!*bytes) return std::optional<ClosingMark>();
  ClosingMark mark;
  mark.uuid = uuid;
  Cursor in(**bytes);
  for (LaneEnd& end : mark.lanes) end = get_end(in);
  return in.ok() ? std::optional<ClosingMark>(mark) : std::nullopt;
}

Result<void> store_moved(Disk& disk, const std::string& root, const MovedFrom& moved) {
  Bytes out = begin(kMovedMagic, moved.uuid);
  put(out, ByteView(moved.from.bytes));
  put(out, moved.at.value);
  for (const MovedLane& lane : moved.lanes) {
    put_end(out, lane.end);
    put(out, lane.head.value);
  }
  return store(disk, root, kMovedFile, std::move(out));
}

Result<std::optional<MovedFrom>> load_moved(Disk& disk, const std::string& root, const SpoolUuid& uuid) {
  auto bytes = load(disk, root, kMovedFile, kMovedMagic, uuid);
  if (!bytes) return std::move(bytes).error();
  if (!*bytes) return std::optional<MovedFrom>();
  MovedFrom moved;
  moved.uuid = uuid;
  Cursor in(**bytes);
  in.copy(moved.from.bytes);
  moved.at.value = in.get<std::int64_t>();
  for (MovedLane& lane : moved.lanes) {
    lane.end = get_end(in);
    lane.head.value = in.get<std::uint64_t>();
  }
  return in.ok() ? std::optional<MovedFrom>(moved) : std::nullopt;
}

}  // namespace wayside::spool
