// The lane on a real volume that has no room left: where that shows, and what it costs.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "common/os/posix_disk.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/small_volume.h"
#include "tests/support/temp_dir.h"

namespace wayside {
namespace {

using spool::AppendOutcome;
using test::SmallVolume;
using test::VolumeKind;

constexpr std::size_t kBodyBytes = 100'000;

Result<Offset> commit_one(spool::LaneWriter& writer) {
  const std::uint64_t n = writer.appended().value;
  REQUIRE(writer.append(test::body_of(n, kBodyBytes), test::cohort_of(n), test::time_of(n), nullptr) ==
          AppendOutcome::appended);
  return writer.commit(test::time_of(n));
}

// Until the volume says no. How many it took.
std::uint64_t commit_until_full(spool::LaneWriter& writer) {
  const std::uint64_t before = writer.synced().value;
  Result<Offset> committed = commit_one(writer);
  while (committed.ok()) committed = commit_one(writer);
  CHECK(committed.error().fault == Fault::no_space);
  return writer.synced().value - before;
}

void fill_and_empty(VolumeKind kind) {
  const test::TempDir dir("full");
  const auto disk = os::make_posix_disk();
  REQUIRE(disk->make_dir(dir / "volume").ok());
  SmallVolume volume(kind, dir / "volume", 40U << 20U);
  if (volume.refused()) SKIP("no " << to_string(kind) << " can be mounted here: " << *volume.refused());
  spool::LaneOptions options = test::lane_options(dir / "volume/spool/state");
  options.segment_bytes_max = 16U << 20U;
  {
    auto writer = test::open_writer(*disk, options);
    REQUIRE(commit_one(*writer).ok());
    volume.fill();
    CHECK(volume.free_bytes() < kBodyBytes);
    // What is reserved ahead is ours: these overwrite it, and no group finds the end of the volume by being written.
    const std::uint64_t reserved = commit_until_full(*writer);
    CHECK(reserved >= 20);
    CHECK(reserved <= 45);
    for (int i = 0; i < 3; ++i) CHECK(commit_one(*writer).error().fault == Fault::no_space);
    CHECK(writer->synced().value == 1 + reserved);
    CHECK(writer->appended() == writer->synced());
    volume.make_room();
    for (int i = 0; i < 10; ++i) REQUIRE(commit_one(*writer).ok());
    volume.fill();
    commit_until_full(*writer);
  }
  // A process that begins on the full volume keeps everything, refuses on, and takes again when there is room.
  spool::Recovery recovery;
  auto writer = test::open_writer(*disk, options, {}, &recovery);
  CHECK(recovery.lost == 0);
  CHECK(recovery.tail_unknown == 0);
  CHECK(commit_until_full(*writer) < 45);
  volume.make_room();
  REQUIRE(commit_one(*writer).ok());
  const std::uint64_t records = writer->synced().value;
  CHECK(writer->digest() == test::digest_of(records, kBodyBytes));
  auto reader = test::open_reader(*disk, options);
  const std::vector<spool::ReadRecord> read = test::read_all(*reader);
  REQUIRE(read.size() == records);
  for (const spool::ReadRecord& record : read) {
    CHECK_FALSE(record.lost);
    CHECK(record.body == test::body_of(record.offset.value, kBodyBytes));
  }
}

}  // namespace

TEST_CASE(
    "a full volume shows when room is reserved, not when it is overwritten, and its lane goes on when there is room") {
  const VolumeKind kind = GENERATE(VolumeKind::ext4, VolumeKind::tmpfs);
  CAPTURE(to_string(kind));
  const auto refused = test::in_mount_namespace([&] { fill_and_empty(kind); });
  if (refused) SKIP("a mount namespace is not permitted here: " << *refused);
}

TEST_CASE("a read-only volume is refused at the open, stays as it is, and is taken again when it is writable") {
  const auto refused = test::in_mount_namespace([] {
    const test::TempDir dir("erofs");
    const auto disk = os::make_posix_disk();
    REQUIRE(disk->make_dir(dir / "volume").ok());
    SmallVolume volume(VolumeKind::tmpfs, dir / "volume", 40U << 20U);
    if (volume.refused()) SKIP("no tmpfs can be mounted here: " << *volume.refused());
    const spool::LaneOptions options = test::lane_options(dir / "volume/spool/state");
    {
      auto writer = test::open_writer(*disk, options);
      for (int i = 0; i < 5; ++i) REQUIRE(commit_one(*writer).ok());
    }
    REQUIRE(volume.remount(true));
    CHECK(disk->open(dir / "volume/probe", OpenMode::create_new).error().fault == Fault::denied);
    const auto opened = spool::LaneWriter::open(*disk, options, {}, nullptr);
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.error().fault == Fault::denied);
    REQUIRE(volume.remount(false));
    auto writer = test::open_writer(*disk, options);
    CHECK(writer->synced() == Offset{5});
    CHECK(commit_one(*writer).ok());
    CHECK(writer->digest() == test::digest_of(6, kBodyBytes));
  });
  if (refused) SKIP("a mount namespace is not permitted here: " << *refused);
}

}  // namespace wayside
