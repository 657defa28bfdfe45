// How much of a backlog stays in the page cache.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "common/os/posix_disk.h"
#include "spool/segment_file.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

using Paths = std::vector<std::string>;

// Of segments of 64 KiB, each group fills most of one; three of them are within three times that, four are not.
constexpr std::size_t kBodyBytes = 6'000;
constexpr std::uint64_t kGroupRecords = 4;

std::vector<std::string> paths_of(const LaneOptions& options, const std::vector<std::uint64_t>& bases) {
  std::vector<std::string> out;
  for (const std::uint64_t base : bases) out.push_back(segment_path(options.dir, {base}));
  return out;
}

// Bytes of a file that are in memory, in whole pages.
std::uint64_t cached_bytes(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(descriptor >= 0);
  const auto size = static_cast<std::size_t>(::lseek(descriptor, 0, SEEK_END));
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor, 0);
  ::close(descriptor);
  REQUIRE(mapped != MAP_FAILED);
  std::vector<unsigned char> resident((size + page - 1) / page);
  const int told = ::mincore(mapped, size, resident.data());
  ::munmap(mapped, size);
  REQUIRE(told == 0);
  return page * static_cast<std::uint64_t>(std::ranges::count_if(resident, [](unsigned char in) { return in & 1U; }));
}

std::uint64_t cached_bytes(Disk& disk, const LaneOptions& options) {
  std::uint64_t bytes = 0;
  const auto bases = list_segments(disk, options.dir);
  REQUIRE(bases.ok());
  for (const Offset base : *bases) bytes += cached_bytes(segment_path(options.dir, base));
  return bytes;
}

}  // namespace

TEST_CASE("sealed segments beyond what may be cached are let go, the oldest first") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.cached_bytes_max = 3 * options.segment_bytes_max;
  const auto writer = open_writer(disk, options);
  for (int group = 0; group < 4; ++group) put_group(*writer, kGroupRecords, kBodyBytes);
  CHECK(disk.were_let_go().empty());
  for (int group = 0; group < 3; ++group) put_group(*writer, kGroupRecords, kBodyBytes);
  CHECK(disk.were_let_go() == paths_of(options, {0, 4, 8}));
  CHECK(read_all(*open_reader(disk, options)).size() == 7 * kGroupRecords);
}

TEST_CASE("with nothing to be cached a segment is let go as soon as it is sealed, also by a stop") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.cached_bytes_max = 0;
  auto writer = open_writer(disk, options);
  for (int group = 0; group < 3; ++group) put_group(*writer, kGroupRecords, kBodyBytes);
  CHECK(disk.were_let_go() == paths_of(options, {0, 4}));
  REQUIRE(writer->seal().ok());
  CHECK(disk.were_let_go() == paths_of(options, {0, 4, 8}));
}

TEST_CASE("what was settled and removed is not what makes the next segment go") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.cached_bytes_max = 3 * options.segment_bytes_max;
  const auto writer = open_writer(disk, options);
  for (int round = 0; round < 20; ++round) {
    put_group(*writer, kGroupRecords, kBodyBytes);
    REQUIRE(writer->release_below(writer->synced()).ok());
  }
  CHECK(disk.were_let_go().empty());
}

TEST_CASE("a writer reckons with what the one before it left in memory") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.cached_bytes_max = 3 * options.segment_bytes_max;
  auto writer = open_writer(disk, options);
  for (int group = 0; group < 5; ++group) put_group(*writer, kGroupRecords, kBodyBytes);
  REQUIRE(writer->seal().ok());
  const Paths before = disk.were_let_go();
  CHECK(before == paths_of(options, {0, 4}));
  writer = open_writer(disk, options);
  put_group(*writer, kGroupRecords, kBodyBytes);
  put_group(*writer, kGroupRecords, kBodyBytes);
  CHECK(Paths(disk.were_let_go().begin() + 2, disk.were_let_go().end()) == paths_of(options, {8}));
}

TEST_CASE("a file that could not be sealed stays in memory: what a failed sync left may be nowhere else") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.cached_bytes_max = 0;
  const auto writer = open_writer(disk, options);
  put_group(*writer, kGroupRecords, kBodyBytes);
  disk.fail(SimCall::fdatasync, Fault::io);  // of the footer
  put_group(*writer, kGroupRecords, kBodyBytes);
  REQUIRE(disk.fired(SimCall::fdatasync) == 1);
  CHECK(disk.were_let_go().empty());
  CHECK(read_all(*open_reader(disk, options)).size() == 2 * kGroupRecords);
}

TEST_CASE("one who reads once lets go of what it leaves behind, and reads the same") {
  SimDisk disk;
  const LaneOptions options = lane_options();
  const auto writer = open_writer(disk, options);
  for (int group = 0; group < 4; ++group) put_group(*writer, kGroupRecords, kBodyBytes);
  const std::size_t all = read_all(*open_reader(disk, options)).size();
  CHECK(disk.were_let_go().empty());
  auto once = LaneReader::open(disk, options.dir, options.uuid, options.lane, Reading::once);
  REQUIRE(once.ok());
  CHECK(read_all(**once).size() == all);
  CHECK(disk.were_let_go() == paths_of(options, {0, 4, 8}));
  REQUIRE((*once)->read({1}, 1, 1000).ok());  // once more, after a session that ended: it is read from the disk
}

TEST_CASE("a backlog on a real disk keeps no more of the page cache than it may, written or drained") {
  const TempDir dir("cached");
  const std::unique_ptr<Disk> disk = os::make_posix_disk();
  LaneOptions options = lane_options(dir / "state");
  options.segment_bytes_max = 1U << 20U;
  options.cached_bytes_max = 2U << 20U;
  const auto writer = open_writer(*disk, options);
  for (int group = 0; group < 120; ++group) put_group(*writer, 10, 2 * kBodyBytes);
  REQUIRE(writer->bytes() > 12 * options.segment_bytes_max);
  disk->let_go(segment_path(options.dir, {0}));
  if (cached_bytes(segment_path(options.dir, {0})) > 0) SKIP("this file system keeps what it is told to let go");
  const std::uint64_t bound = options.cached_bytes_max + 2 * options.segment_bytes_max;  // the active one, rounding
  CHECK(cached_bytes(*disk, options) <= bound);
  auto once = LaneReader::open(*disk, options.dir, options.uuid, options.lane, Reading::once);
  REQUIRE(once.ok());
  CHECK(read_all(**once).size() == 1200);
  CHECK(cached_bytes(*disk, options) <= bound);
  CHECK(read_all(*open_reader(*disk, options)).size() == 1200);
  CHECK(cached_bytes(*disk, options) > bound);  // what is seen above is not for want of anything to see
}
