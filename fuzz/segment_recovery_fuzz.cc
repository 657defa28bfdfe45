// A lane of three segments, damaged as the input says: recovery and reader must end, stay below the head they
// claim, keep offsets dense and agree with each other on the digest.
//
// Input: u8 what stands in the page · then edits of 4 bytes: u8 file, u16 place (scaled to the file), u8 value.
#include <cstdint>

#include "common/result.h"
#include "spool/lane.h"
#include "spool/segment_file.h"
#include "tests/support/sim_disk.h"

namespace {

using namespace wayside;
using namespace wayside::spool;

const std::string kDir = "/spool/state";

LaneOptions options() {
  LaneOptions out;
  out.dir = kDir;
  out.segment_bytes_max = 40U << 10U;
  return out;
}

void fill(Disk& disk) {
  auto writer = LaneWriter::open(disk, options(), {}, nullptr);
  WAYSIDE_ASSERT(writer.ok());
  const Bytes body(700, 0x5A);
  for (int i = 0; i < 30; ++i) {
    WAYSIDE_ASSERT((*writer)->append(body, "a", {i}, nullptr) == AppendOutcome::appended);
    if (i % 3 == 2) WAYSIDE_ASSERT((*writer)->commit({i}).ok());
  }
}

void damage(test::SimDisk& disk, const std::uint8_t* data, std::size_t size) {
  const auto files = disk.files();
  for (std::size_t i = 0; i + 4 <= size; i += 4) {
    const std::string& path = files[data[i] % files.size()];
    Bytes content = disk.content(path);
    const std::size_t place = (static_cast<std::size_t>(data[i + 1]) << 8U | data[i + 2]) * content.size() / 65536U;
    if (place < content.size()) content[place] = data[i + 3];
    disk.put(path, std::move(content));
  }
}

void check(Disk& disk) {
  Recovery recovery;
  auto writer = LaneWriter::open(disk, options(), {}, &recovery);
  if (!writer.ok()) return;  // an identity or version that is not ours
  auto reader = LaneReader::open(disk, kDir, {}, Lane::state);
  WAYSIDE_ASSERT(reader.ok() && (*reader)->synced() == (*writer)->synced());
  Offset at = (*reader)->oldest().value();
  Digest last;
  while (at < (*reader)->synced()) {
    auto records = (*reader)->read(at, 16, 1U << 20U);
    if (!records.ok()) return;
    WAYSIDE_ASSERT(!records->empty());
    for (const ReadRecord& record : *records) {
      WAYSIDE_ASSERT(record.offset == at);
      last = record.after;
      at = at + 1;
    }
  }
  WAYSIDE_ASSERT(at == Offset{} || last == (*writer)->digest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  test::SimDisk disk;
  fill(disk);
  disk.kill();
  const std::uint64_t page = data[0] % 31;
  disk.map_word(kDir + "/synced.page", 0).value()->store(page);
  disk.map_word(kDir + "/synced.page", 1).value()->store(page);
  damage(disk, data + 1, size - 1);
  check(disk);
  return 0;
}
