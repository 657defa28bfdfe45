#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "common/os/posix_disk.h"
#include "spool/segment_file.h"
#include "spool/settlement.h"
#include "spool/settlement_codec.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

Standing standing_at(std::uint64_t next) {
  Standing standing;
  standing.next = {next};
  standing.digest.bytes[3] = static_cast<std::uint8_t>(next);
  standing.totals = {next - next / 4 - next / 5, next / 4, next / 8, next / 5, 0};
  standing.cohorts["a"] = standing.totals;
  standing.cohorts["b"] = {};
  return standing;
}

void check_equal(const Standing& left, const Standing& right) {
  CHECK(left.next == right.next);
  CHECK(left.digest == right.digest);
  CHECK(left.totals == right.totals);
  CHECK(left.cohorts == right.cohorts);
}

std::unique_ptr<SettlementLog> open_log(Disk& disk, const std::string& dir = kLaneDir) {
  auto log = SettlementLog::open(disk, dir, test_uuid(), Lane::state);
  if (!log) FAIL(log.error().what);
  return std::move(log).value();
}

}  // namespace

TEST_CASE("a settlement is read back by its owner and by others, on a real disk") {
  const TempDir dir;
  const auto disk = os::make_posix_disk();
  const std::string lane = dir.path() + "/state";
  check_equal(read_settled(*disk, lane, test_uuid(), Lane::state).value(), Standing{});
  auto log = open_log(*disk, lane);
  REQUIRE(log->settle(standing_at(100)).ok());
  REQUIRE(log->settle(standing_at(250)).ok());
  check_equal(log->standing(), standing_at(250));
  check_equal(read_settled(*disk, lane, test_uuid(), Lane::state).value(), standing_at(250));
  log.reset();
  check_equal(open_log(*disk, lane)->standing(), standing_at(250));
  CHECK(disk->map_word(lane + "/settled.page", 0).value()->load() == 250);
}

TEST_CASE("a settlement never falls and always adds up") {
  SimDisk disk;
  auto log = open_log(disk);
  REQUIRE(log->settle(standing_at(100)).ok());
  CHECK(log->settle(standing_at(99)).error().fault == Fault::malformed);
  Standing wrong = standing_at(200);
  wrong.totals.delivered -= 1;
  CHECK(log->settle(wrong).error().fault == Fault::malformed);
  wrong = standing_at(200);
  wrong.totals.resent = wrong.totals.compacted + 1;
  CHECK(log->settle(wrong).error().fault == Fault::malformed);
  check_equal(log->standing(), standing_at(100));
  CHECK(log->settle(standing_at(100)).ok());
}

TEST_CASE("an entry whose totals do not add up is not taken, whatever its checksum: the one before counts") {
  SimDisk disk;
  REQUIRE(disk.make_dir(kLaneDir).ok());
  const Identity identity{test_uuid(), Lane::state};
  Standing wrong = standing_at(200);
  SECTION("too few") { wrong.totals.delivered -= 1; }
  SECTION("resent beyond compacted") { wrong.totals.resent = wrong.totals.compacted + 1; }
  SECTION("a sum that wraps") { wrong.totals = {1ULL << 63U, (1ULL << 63U) + 200, 0, 0, 0}; }
  Bytes log = encode_settlement(identity, 1, standing_at(100));
  const Bytes second = encode_settlement(identity, 2, wrong);
  log.insert(log.end(), second.begin(), second.end());
  disk.put(kLaneDir + "/settlement.log", log);
  check_equal(read_settled(disk, kLaneDir, test_uuid(), Lane::state).value(), standing_at(100));
  check_equal(open_log(disk)->standing(), standing_at(100));
}

TEST_CASE("the settlement log stays below its bound and loses nothing when it is rewritten") {
  SimDisk disk;
  auto log = open_log(disk);
  for (std::uint64_t next = 1; next < 4000; ++next) {
    REQUIRE(log->settle(standing_at(next)).ok());
    REQUIRE(disk.content(kLaneDir + "/settlement.log").size() <= kSettlementLogBytesMax);
  }
  log.reset();
  check_equal(open_log(disk)->standing(), standing_at(3999));
}

TEST_CASE("a torn settlement falls back to the one before") {
  SimDisk disk;
  auto log = open_log(disk);
  REQUIRE(log->settle(standing_at(100)).ok());
  const std::uint64_t end = disk.content(kLaneDir + "/settlement.log").size();
  REQUIRE(log->settle(standing_at(200)).ok());
  log.reset();
  disk.zero(kLaneDir + "/settlement.log", end, 512);
  check_equal(read_settled(disk, kLaneDir, test_uuid(), Lane::state).value(), standing_at(100));
  log = open_log(disk);
  check_equal(log->standing(), standing_at(100));
  REQUIRE(log->settle(standing_at(210)).ok());
  check_equal(open_log(disk)->standing(), standing_at(210));
}

TEST_CASE("a rotten settlement in the middle does not hide the last one") {
  SimDisk disk;
  auto log = open_log(disk);
  for (const std::uint64_t next : {10, 20, 30}) REQUIRE(log->settle(standing_at(next)).ok());
  log.reset();
  disk.flip_bit(kLaneDir + "/settlement.log", 512 + 30, 2);
  check_equal(open_log(disk)->standing(), standing_at(30));
}

TEST_CASE("a settlement that is not on the disk any more is written again, and one that is costs no write") {
  SimDisk disk;
  const std::string path = kLaneDir + "/" + kSettlementFile;
  auto log = open_log(disk);
  REQUIRE(log->settle(standing_at(100)).ok());
  REQUIRE(log->settle(standing_at(250)).ok());
  const std::uint64_t writes = disk.calls(SimCall::pwrite);
  CHECK(log->mend().value() == false);
  CHECK(disk.calls(SimCall::pwrite) == writes);
  SECTION("rot of the last entry") { disk.flip_bit(path, disk.content(path).size() - 400, 2); }
  SECTION("rot of all of it") { disk.zero(path, 0, disk.content(path).size()); }
  SECTION("the file is gone") { disk.erase(path); }
  REQUIRE(read_settled(disk, kLaneDir, test_uuid(), Lane::state).value().next != Offset{250});
  CHECK(log->mend().value() == true);
  check_equal(read_settled(disk, kLaneDir, test_uuid(), Lane::state).value(), standing_at(250));
  CHECK(log->mend().value() == false);
  REQUIRE(log->settle(standing_at(300)).ok());
  check_equal(read_settled(disk, kLaneDir, test_uuid(), Lane::state).value(), standing_at(300));
  disk.fail(SimCall::fdatasync, Fault::io, 0, 1);
  disk.erase(path);
  CHECK_FALSE(log->mend().ok());
  CHECK(log->mend().value() == true);
}

TEST_CASE("a settlement whose sync fails is written to a new file, or refused") {
  SimDisk disk;
  auto log = open_log(disk);
  REQUIRE(log->settle(standing_at(100)).ok());
  disk.fail(SimCall::fdatasync, Fault::io);
  REQUIRE(log->settle(standing_at(200)).ok());
  SeededRng rng(5);
  disk.power_loss(rng);
  check_equal(read_settled(disk, kLaneDir, test_uuid(), Lane::state).value(), standing_at(200));
  log = open_log(disk);
  disk.fail(SimCall::fdatasync, Fault::io, 0, 2);
  CHECK_FALSE(log->settle(standing_at(300)).ok());
  check_equal(log->standing(), standing_at(200));
  REQUIRE(log->settle(standing_at(310)).ok());
  check_equal(log->standing(), standing_at(310));
}

TEST_CASE("whatever call fails with whatever fault of a settlement, the one before stands") {
  const Fault fault = GENERATE(Fault::io, Fault::no_space, Fault::denied);
  const SimCall call = GENERATE(SimCall::open, SimCall::pwrite, SimCall::fdatasync, SimCall::rename, SimCall::fsync_dir,
                                SimCall::truncate, SimCall::remove);
  const bool begins_again = GENERATE(false, true);  // a new file, renamed over the one that stands
  CAPTURE(static_cast<int>(fault), static_cast<int>(call), begins_again);
  SimDisk disk;
  auto log = open_log(disk);
  REQUIRE(log->settle(standing_at(100)).ok());
  if (begins_again) log.reset();
  disk.fail(call, fault, 0, 1'000);
  std::uint64_t settled = 100;
  if (begins_again) {
    auto opened = SettlementLog::open(disk, kLaneDir, test_uuid(), Lane::state);
    if (opened.ok()) log = std::move(opened).value();
  }
  if (log && log->settle(standing_at(200)).ok()) settled = 200;
  log.reset();
  disk.clear_faults();
  SeededRng rng(GENERATE(1, 2, 3));
  disk.power_loss(rng);
  const Result<Standing> standing = read_settled(disk, kLaneDir, test_uuid(), Lane::state);
  REQUIRE(standing.ok());
  // A refused one may stand on the disk after all; nothing below what was confirmed may.
  check_equal(*standing, standing_at(standing->next.value > settled ? 200 : settled));
  check_equal(open_log(disk)->standing(), *standing);
}

TEST_CASE("what settle returned ok for survives every loss of power") {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    SeededRng rng(seed);
    SimDisk disk;
    std::uint64_t settled = 0;
    for (int life = 0; life < 5; ++life) {
      auto log = open_log(disk);
      REQUIRE(log->standing().next.value == settled);
      for (std::uint64_t i = rng.below(6); i > 0; --i) {
        if (rng.below(8) == 0)
          disk.fail(static_cast<SimCall>(rng.below(9)), Fault::io, 0, 1 + static_cast<unsigned>(rng.below(3)));
        if (log->settle(standing_at(settled + i)).ok()) settled += i;
        disk.clear_faults();
        REQUIRE(log->standing().next.value == settled);
      }
      if (rng.below(2) == 0) {
        disk.kill();
      } else {
        disk.power_loss(rng);
      }
      const std::uint64_t read = read_settled(disk, kLaneDir, test_uuid(), Lane::state).value().next.value;
      // A refused settlement may stand on the disk after all; what was confirmed must.
      REQUIRE(read >= settled);
      settled = read;
    }
  }
}
