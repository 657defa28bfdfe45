#include <catch2/catch_test_macros.hpp>

#include "common/os/posix_disk.h"
#include "spool/spool.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

TEST_CASE("a volume keeps the identity of its creation") {
  const TempDir dir;
  const auto disk = os::make_posix_disk();
  const std::string root = dir.path() + "/edge/spool";
  CHECK(open_volume(*disk, root, VolumeRole::reader, test_uuid()).error().fault == Fault::not_found);
  CHECK(open_volume(*disk, root, VolumeRole::settler, test_uuid()).error().fault == Fault::not_found);
  {
    auto made = open_volume(*disk, root, VolumeRole::writer, test_uuid());
    REQUIRE(made.ok());
    CHECK(made->uuid == test_uuid());
    CHECK(made->lane_dir(Lane::event) == root + "/event");
  }
  SpoolUuid other;
  other.bytes[0] = 9;
  CHECK(open_volume(*disk, root, VolumeRole::writer, other)->uuid == test_uuid());
  CHECK(open_volume(*disk, root, VolumeRole::reader, other)->uuid == test_uuid());
}

TEST_CASE("a second writer and a second settler are fenced, a reader is not") {
  const TempDir dir;
  const auto disk = os::make_posix_disk();
  const std::string root = dir.path() + "/spool";
  auto writer = open_volume(*disk, root, VolumeRole::writer, test_uuid());
  REQUIRE(writer.ok());
  CHECK(open_volume(*disk, root, VolumeRole::writer, test_uuid()).error().fault == Fault::locked);
  auto settler = open_volume(*disk, root, VolumeRole::settler, test_uuid());
  REQUIRE(settler.ok());
  CHECK(open_volume(*disk, root, VolumeRole::settler, test_uuid()).error().fault == Fault::locked);
  CHECK(open_volume(*disk, root, VolumeRole::reader, test_uuid()).ok());
}

TEST_CASE("a damaged identity is refused, never replaced by a fresh one") {
  SimDisk disk;
  REQUIRE(open_volume(disk, "/spool", VolumeRole::writer, test_uuid()).ok());
  disk.flip_bit("/spool/spool.uuid", 14, 3);
  CHECK(open_volume(disk, "/spool", VolumeRole::writer, test_uuid()).error().fault == Fault::corrupt);
}

TEST_CASE("a volume whose creation lost power is created again or is whole") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    SimDisk disk;
    disk.fail(static_cast<SimCall>(rng.below(9)), Fault::io);
    auto first = open_volume(disk, "/spool", VolumeRole::writer, test_uuid());
    disk.clear_faults();
    const bool created = first.ok();
    disk.power_loss(rng);
    SpoolUuid other;
    auto again = open_volume(disk, "/spool", VolumeRole::writer, other);
    REQUIRE(again.ok());
    if (created) REQUIRE(again->uuid == test_uuid());
  }
}
