// The move of a closed spool: what lies above `common` is in the new one, once and in order, whoever dies when.
#include "spool/move.h"

#include <catch2/generators/catch_generators.hpp>
#include <map>

#include "common/os/posix_disk.h"
#include "spool/spool.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

SpoolUuid uuid_tagged(std::uint8_t tag) {
  SpoolUuid uuid;
  uuid.bytes.fill(tag);
  return uuid;
}

MoveOptions move_options(std::uint8_t tag) {
  MoveOptions options;
  options.fresh = uuid_tagged(tag);
  options.branch = tag;
  options.segment_bytes_max = 64U << 10U;
  options.now = WallMs{1'700'000'000'000};
  options.cohort_of = [](ByteView body) { return std::string(body.size() % 2 == 0 ? "even" : "odd"); };
  return options;
}

std::uint64_t held(Lane lane) { return 40 + 20 * index_of(lane); }
std::uint64_t common(Lane lane) { return lane == Lane::bulk ? held(lane) : 7 * index_of(lane); }
constexpr std::size_t kBody = 900;

// Five lanes of several segments each, closed at another place each.
void fill(Disk& disk, const std::string& root, bool marked = true) {
  auto volume = open_volume(disk, root, VolumeRole::writer, test_uuid());
  REQUIRE(volume.ok());
  ClosingMark mark;
  mark.uuid = volume->uuid;
  for (const Lane lane : kAllLanes) {
    LaneOptions options = lane_options(volume->lane_dir(lane));
    options.lane = lane;
    auto writer = open_writer(disk, options);
    for (std::uint64_t n = 0; n < held(lane); n += 10) put_group(*writer, 10, kBody);
    REQUIRE(writer->seal().ok());
    mark.lanes[index_of(lane)] = {{common(lane)}, {common(lane) + 3}, digest_of(3), lane != Lane::ack};
  }
  if (marked) REQUIRE(store_closing(disk, root, mark).ok());
}

void check_moved(Disk& disk, const std::string& root, const SpoolUuid& uuid) {
  auto volume = open_volume(disk, root, VolumeRole::writer, uuid_tagged(0xFF));
  REQUIRE(volume.ok());
  REQUIRE(volume->uuid == uuid);
  const auto moved = load_moved(disk, root, uuid);
  REQUIRE((moved.ok() && moved->has_value()));
  CHECK((*moved)->from == test_uuid());
  CHECK_FALSE(load_closing(disk, root, test_uuid()).value().has_value());
  for (const Lane lane : kAllLanes) {
    INFO(to_string(lane));
    const MovedLane& was = (*moved)->lanes[index_of(lane)];
    CHECK(was.head == Offset{held(lane)});
    CHECK(was.end.common == Offset{common(lane)});
    CHECK(was.end.exact == (lane != Lane::ack));
    LaneOptions options = lane_options(volume->lane_dir(lane));
    options.lane = lane;
    options.uuid = uuid;
    Recovery recovery;
    auto writer = open_writer(disk, options, {}, &recovery);
    CHECK(recovery.lost == 0);
    auto reader = open_reader(disk, options);
    const auto records = read_all(*reader);
    REQUIRE(records.size() == held(lane) - common(lane));
    for (std::size_t i = 0; i < records.size(); ++i) {
      REQUIRE(records[i].offset == Offset{i});
      REQUIRE(records[i].body == body_of(common(lane) + i, kBody));
      REQUIRE(records[i].time == time_of(common(lane) + i));
    }
  }
  for (const char* suffix : {".next", ".closed"}) CHECK_FALSE(disk.exists(root + suffix + "/spool.uuid").value());
}

}  // namespace

TEST_CASE("what lies above the common offset of each lane moves to a spool of another uuid") {
  const auto run = [](Disk& disk, const std::string& root) {
    fill(disk, root);
    CHECK(finish_move(disk, root, move_options(0xA1)).value() == MoveOutcome::waiting);
    CHECK(may_move(disk, root, test_uuid()).value());
    REQUIRE(move_spool(disk, root, move_options(0xA1)).value() == MoveOutcome::moved);
    check_moved(disk, root, uuid_tagged(0xA1));
    CHECK(finish_move(disk, root, move_options(0xA2)).value() == MoveOutcome::none);
    CHECK(move_spool(disk, root, move_options(0xA2)).value() == MoveOutcome::none);
  };
  SECTION("on the simulated disk") {
    SimDisk disk;
    run(disk, "/edge/spool");
  }
  SECTION("on a real disk") {
    const TempDir dir;
    const auto disk = os::make_posix_disk();
    run(*disk, dir.path() + "/spool");
    CHECK_FALSE(disk->exists(dir.path() + "/spool.closed").value());
  }
}

TEST_CASE("a move waits while a bridge has the volume, and nothing moves without a mark of this uuid") {
  SimDisk disk;
  fill(disk, "/edge/spool", false);
  CHECK(move_spool(disk, "/edge/spool", move_options(0xA1)).value() == MoveOutcome::none);
  ClosingMark other;
  other.uuid = uuid_tagged(0x77);
  REQUIRE(store_closing(disk, "/edge/spool", other).ok());
  CHECK(move_spool(disk, "/edge/spool", move_options(0xA1)).value() == MoveOutcome::none);
  other.uuid = test_uuid();
  REQUIRE(store_closing(disk, "/edge/spool", other).ok());
  {
    const auto bridge = open_volume(disk, "/edge/spool", VolumeRole::settler, {});
    REQUIRE(bridge.ok());
    CHECK_FALSE(may_move(disk, "/edge/spool", test_uuid()).value());
    CHECK(move_spool(disk, "/edge/spool", move_options(0xA1)).value() == MoveOutcome::waiting);
  }
  CHECK(move_spool(disk, "/edge/spool", move_options(0xA1)).value() == MoveOutcome::moved);
}

TEST_CASE("whatever call of a move is the last before a death or a loss of power, the next start finishes it") {
  const bool power = GENERATE(false, true);
  std::uint64_t stops = 0;
  std::map<MoveOutcome, std::uint64_t> found;
  for (const SimCall call : {SimCall::open, SimCall::pwrite, SimCall::fdatasync, SimCall::fallocate, SimCall::truncate,
                             SimCall::rename, SimCall::remove, SimCall::fsync_dir, SimCall::pread}) {
    for (unsigned skip = 0;; ++skip) {
      INFO("call " << static_cast<int>(call) << " number " << skip << (power ? ", loss of power" : ", death"));
      SimDisk disk;
      fill(disk, "/edge/spool");
      const std::uint64_t before = disk.fired(call);
      disk.fail(call, Fault::io, skip, 1'000'000);
      (void)move_spool(disk, "/edge/spool", move_options(0xA1));
      const bool stopped = disk.fired(call) > before;
      disk.clear_faults();
      SeededRng rng(skip * 31 + static_cast<unsigned>(call));
      power ? disk.power_loss(rng) : disk.kill();
      const auto next = finish_move(disk, "/edge/spool", move_options(0xA2));
      REQUIRE(next.ok());
      ++found[*next];
      if (*next == MoveOutcome::waiting)
        REQUIRE(move_spool(disk, "/edge/spool", move_options(0xA2)).value() == MoveOutcome::moved);
      const auto volume = open_volume(disk, "/edge/spool", VolumeRole::reader, {});
      REQUIRE(volume.ok());
      CHECK((volume->uuid == uuid_tagged(0xA1) || volume->uuid == uuid_tagged(0xA2)));
      check_moved(disk, "/edge/spool", volume->uuid);
      if (!stopped) break;
      ++stops;
    }
  }
  CHECK(stops > 150);
  CHECK(found[MoveOutcome::waiting] > 0);
  CHECK(found[MoveOutcome::moved] > 0);
  CHECK(found[MoveOutcome::none] > 0);
}

TEST_CASE("a record that can be read no more keeps its place in the new spool") {
  SimDisk disk;
  fill(disk, "/edge/spool");
  const std::string first = "/edge/spool/state/00000000000000000000.seg";
  disk.flip_bit(first, (32U << 10U) + 2 * 9'728 + 3 * (24 + kBody) + 200, 3);
  REQUIRE(move_spool(disk, "/edge/spool", move_options(0xA1)).value() == MoveOutcome::moved);
  LaneOptions options = lane_options("/edge/spool/state");
  options.uuid = uuid_tagged(0xA1);
  auto reader = open_reader(disk, options);
  const auto records = read_all(*reader);
  REQUIRE(records.size() == held(Lane::state) - common(Lane::state));
  std::uint64_t empty = 0;
  for (std::size_t i = 0; i < records.size(); ++i) {
    if (records[i].body.empty()) {
      ++empty;
    } else {
      REQUIRE(records[i].body == body_of(common(Lane::state) + i, kBody));
    }
  }
  CHECK((empty >= 1 && empty <= 10));
}

TEST_CASE("a mark that is damaged once the move has begun is made good by what the new spool says") {
  SimDisk disk;
  fill(disk, "/edge/spool");
  disk.fail(SimCall::rename, Fault::io, 5, 1'000);
  CHECK_FALSE(move_spool(disk, "/edge/spool", move_options(0xA1)).ok());
  disk.clear_faults();
  disk.kill();
  disk.flip_bit("/edge/spool/closing.mark", 40, 1);
  REQUIRE(finish_move(disk, "/edge/spool", move_options(0xA2)).value() == MoveOutcome::moved);
  check_moved(disk, "/edge/spool", uuid_tagged(0xA1));
}

TEST_CASE("branches tell where a writer began and which of two histories a lane is of") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.branch = 100;
  {
    auto writer = open_writer(disk, options);
    put_group(*writer, 5);
    auto reader = open_reader(disk, options);
    CHECK(reader->branches({0}, {5}).value() == std::vector<Branch>{{{0}, 100}});
    CHECK(reader->branches({3}, {5}).value() == std::vector<Branch>{{{3}, 100}});
  }
  options.branch = 200;
  auto writer = open_writer(disk, options);
  auto reader = open_reader(disk, options);
  CHECK(reader->branches({2}, {5}).value() == std::vector<Branch>{{{2}, 100}, {{5}, 200}});
  CHECK(reader->branches({5}, {5}).value() == std::vector<Branch>{{{5}, 200}});
  put_group(*writer, 2);
  CHECK(reader->branches({2}, {7}).value() == std::vector<Branch>{{{2}, 100}, {{5}, 200}});
  SECTION("a group that was refused ends one") {
    Offset offset;
    REQUIRE(writer->append(body_of(7, 40), "a", time_of(7), &offset) == AppendOutcome::appended);
    disk.fail(SimCall::fdatasync, Fault::io, 0, 3);
    CHECK_FALSE(writer->commit(WallMs{}).ok());
    disk.clear_faults();
    CHECK(reader->branches({2}, {7}).value() == std::vector<Branch>{{{2}, 100}, {{5}, 200}, {{7}, 201}});
    put_group(*writer, 1);
    CHECK(reader->branches({6}, {8}).value() == std::vector<Branch>{{{6}, 200}, {{7}, 201}});
  }
  SECTION("what was refused is overruled at once where it is asked for") {
    REQUIRE(writer->append(body_of(7, 40), "a", time_of(7), nullptr) == AppendOutcome::appended);
    disk.fail(SimCall::fdatasync, Fault::io, 0, 3);
    disk.fail(SimCall::truncate, Fault::io, 0, 3);
    CHECK_FALSE(writer->commit(WallMs{}).ok());
    disk.clear_faults();
    const bool fenced = GENERATE(true, false);
    if (fenced) REQUIRE(writer->fence().ok());
    disk.kill();
    auto again = open_writer(disk, options);
    CHECK(again->synced() == Offset{fenced ? 7U : 8U});
  }
}
