// A release reads what every release before it wrote (P11): bytes that were written once and are kept.
#include "tests/spool/golden.h"
#include "common/os/posix_disk.h"
#include "spool/format.h"
#include "spool/inspect.h"
#include "spool/segment_file.h"
#include "spool/settlement.h"
#include "spool/spool.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

constexpr const char* kPieces[] = {"uuid", "sealed", "torn", "settlement"};

std::string golden_name(const std::string& piece, std::uint32_t version) {
  return piece + "_version_" + std::to_string(version) + ".txt";
}

// A volume as a release of that version left it: a sealed segment of 3 and 2 records, a torn one behind it where
// `torn`, 2 offsets settled.
struct GoldenVolume {
  explicit GoldenVolume(std::uint32_t version) : disk(os::make_posix_disk()), root(dir.path() + "/spool") {
    options = lane_options(root + "/state");
    expand_golden(golden_name("uuid", version), root + "/spool.uuid");
    expand_golden(golden_name("sealed", version), segment_path(options.dir, {0}));
    expand_golden(golden_name("settlement", version), options.dir + "/" + kSettlementFile);
  }
  TempDir dir;
  std::unique_ptr<Disk> disk;
  std::string root;
  LaneOptions options;
};

Bytes golden_body(std::uint64_t n) { return body_of(n, n < 3 ? 40 : 700); }

}  // namespace

TEST_CASE("every format version up to this one has its golden files") {
  for (std::uint32_t version = 1; version <= kFormatVersion; ++version) {
    for (const char* piece : kPieces) {
      INFO(golden_name(piece, version));
      CHECK(std::filesystem::exists(golden_path(golden_name(piece, version))));
    }
  }
}

TEST_CASE("a volume of every format version opens with its identity, records, totals and settlement") {
  for (std::uint32_t version = 1; version <= kFormatVersion; ++version) {
    GoldenVolume golden(version);
    const auto volume = open_volume(*golden.disk, golden.root, VolumeRole::writer, SpoolUuid{});
    REQUIRE(volume.ok());
    CHECK(volume->uuid == test_uuid());
    const auto settled = read_settled(*golden.disk, golden.options.dir, volume->uuid, Lane::state);
    REQUIRE(settled.ok());
    CHECK(settled->next == Offset{2});
    CHECK(settled->digest == digest_of(2));
    CHECK(settled->totals == Totals{1, 1, 1, 0, 0});
    Recovery recovery;
    const auto writer = open_writer(*golden.disk, golden.options, settled->next, &recovery);
    CHECK(recovery.synced == Offset{5});
    CHECK(recovery.lost + recovery.torn_bytes + recovery.tail_unknown == 0);
    CHECK(to_string(writer->digest()) == "5635fc629e802e81138bbd4001adbb51");
    CHECK(writer->received_by_cohort() == Received{{"cohort-0", 2}, {"cohort-1", 2}, {"cohort-2", 1}});
    const auto reader = open_reader(*golden.disk, golden.options);
    const auto records = read_all(*reader);
    REQUIRE(records.size() == 5);
    for (std::uint64_t n = 0; n < 5; ++n) CHECK(records[n].body == golden_body(n));
  }
}

TEST_CASE("a volume of every format version verifies, and is written on") {
  for (std::uint32_t version = 1; version <= kFormatVersion; ++version) {
    GoldenVolume golden(version);
    {
      const auto writer = open_writer(*golden.disk, golden.options);
      put_group(*writer, 4);
    }
    const auto verdict = verify_lane(*golden.disk, golden.options.dir, {test_uuid(), Lane::state}, {});
    REQUIRE(verdict.ok());
    for (const Damage& damage : verdict->damages) FAIL_CHECK(damage.path + ": " + damage.what);
    CHECK(verdict->records == 9);
    CHECK(verdict->settled == Offset{2});
  }
}

TEST_CASE("a torn segment of every format version is recovered to the records it kept") {
  for (std::uint32_t version = 1; version <= kFormatVersion; ++version) {
    const TempDir dir;
    const auto disk = os::make_posix_disk();
    const LaneOptions options = lane_options(dir.path() + "/spool/state");
    expand_golden(golden_name("torn", version), segment_path(options.dir, {0}));
    Recovery recovery;
    const auto writer = open_writer(*disk, options, {}, &recovery);
    CHECK(recovery.synced.value == 3);
    CHECK(recovery.torn_bytes == 1024);
    CHECK(recovery.lost == 0);
    CHECK(recovery.tail_unknown == 0);
    CHECK(writer->digest() == digest_of(3));
    put_group(*writer, 2);
    const auto reader = open_reader(*disk, options);
    const auto records = read_all(*reader);
    REQUIRE(records.size() == 5);
    for (std::size_t n = 0; n < 5; ++n) CHECK(records[n].body == body_of(n));
    CHECK(records.back().after == digest_of(5));
  }
}
