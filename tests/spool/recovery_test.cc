// Torn tail, rot and the unknown between them; disk faults during a commit.
#include "spool/recovery.h"

#include <catch2/generators/catch_generators.hpp>

#include "spool/format.h"
#include "spool/segment_walker.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

const std::string kFirst = segment_path(kLaneDir, {0});
const std::string kPage = kLaneDir + "/synced.page";

struct GroupPlace {
  std::uint64_t at = 0;
  std::uint64_t bytes = 0;
  std::uint32_t header_bytes = 0;
};

// Where the groups of the first segment stand.
std::vector<GroupPlace> places(Disk& disk) {
  auto walker = SegmentWalker::open(disk, kLaneDir, {test_uuid(), Lane::state}, {0});
  REQUIRE(walker.ok());
  std::vector<GroupPlace> out;
  while ((*walker)->skip_group({UINT64_MAX}).value()) {
    out.push_back({(*walker)->group_position(), (*walker)->group().padded_bytes(), (*walker)->group().header_bytes});
  }
  return out;
}

// What a loss of power may do to the page: an older value.
void set_page(Disk& disk, std::uint64_t value) {
  disk.map_word(kPage, 0).value()->store(value);
  disk.map_word(kPage, 1).value()->store(value);
}

// Three groups of 4, 4 and `last` records.
void three_groups(Disk& disk, std::uint64_t last = 4, std::size_t bytes = 300) {
  auto writer = open_writer(disk, lane_options());
  put_group(*writer, 4, bytes);
  put_group(*writer, 4, bytes);
  put_group(*writer, last, bytes);
}

std::vector<std::uint64_t> lost_offsets(const std::vector<ReadRecord>& records) {
  std::vector<std::uint64_t> out;
  for (const auto& record : records) {
    if (record.lost) out.push_back(record.offset.value);
  }
  return out;
}

}  // namespace

TEST_CASE("after a kill everything committed is there and the chain goes on") {
  SimDisk disk;
  three_groups(disk);
  disk.kill();
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost + recovery.tail_unknown + recovery.torn_bytes == 0);
  CHECK(writer->digest() == digest_of(12, 300));
  put_group(*writer, 2, 300);
  CHECK(writer->digest() == digest_of(14, 300));
  CHECK(read_all(*open_reader(disk, lane_options())).back().after == digest_of(14, 300));
}

TEST_CASE("behind damage a reader says that it makes digests up, and more damage in that group changes none of them") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  const auto rot = [&](std::uint64_t record) {
    disk.flip_bit(kFirst, groups[1].at + groups[1].header_bytes + record * framed_bytes(300) + 60, 4);
  };
  rot(1);
  const auto once = read_all(*open_reader(disk, lane_options()));
  CHECK(once[4].source == DigestSource::linked);
  CHECK(once[5].source == DigestSource::made_up);
  CHECK(once[6].source == DigestSource::made_up);
  CHECK(once[7].source == DigestSource::stored);
  rot(2);
  const auto twice = read_all(*open_reader(disk, lane_options()));
  CHECK(lost_offsets(twice) == std::vector<std::uint64_t>{5, 6, 7});
  CHECK(twice[5].after == once[5].after);
  CHECK(twice[6].after == once[6].after);
  CHECK(twice[7].after == digest_of(8, 300));
}

TEST_CASE("the digest behind a last group that is gone is known from its claim") {
  SimDisk disk;
  three_groups(disk);
  disk.flip_bit(kFirst, places(disk)[2].at + 20, 0);
  const auto records = read_all(*open_reader(disk, lane_options()));
  CHECK(lost_offsets(records) == std::vector<std::uint64_t>{8, 9, 10, 11});
  CHECK(records[10].source == DigestSource::made_up);
  CHECK(records[11].source == DigestSource::stored);
  CHECK(records[11].after == digest_of(12, 300));
}

TEST_CASE("a group that was written and never claimed is a torn tail and is cut") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  const Bytes file = disk.content(kFirst);
  const GroupPlace last = groups.back();
  // A fourth group, of which only the first sector and no claim reached the disk.
  Bytes torn = file;
  for (std::size_t i = 0; i < 512; ++i) torn[last.at + last.bytes + i] = torn[last.at + i];
  torn[last.at + last.bytes + 100] ^= 1U;
  disk.kill();
  disk.put(kFirst, torn);
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.torn_bytes == 512);
  CHECK(recovery.lost == 0);
  CHECK(recovery.tail_unknown == 0);
  REQUIRE(recovery.sentences.size() == 1);
  CHECK(recovery.sentences[0].find("torn tail") != std::string::npos);
}

TEST_CASE("a bad record below a later group is rot: that offset is lost, the chain goes on") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 0);
  disk.flip_bit(kFirst, groups[0].at + groups[0].header_bytes + 2 * framed_bytes(300) + 60, 4);
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost == 1);
  auto reader = open_reader(disk, lane_options());
  const auto records = read_all(*reader);
  REQUIRE(records.size() == 12);
  CHECK(lost_offsets(records) == std::vector<std::uint64_t>{2});
  CHECK(records[2].body.empty());
  CHECK(records[3].body == body_of(3, 300));
  CHECK(records[3].after == digest_of(4, 300));
  CHECK(records.back().after == digest_of(12, 300));
  CHECK(writer->digest() == digest_of(12, 300));
}

TEST_CASE("a damaged length loses the rest of its group, a damaged group header the whole group") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  SECTION("length of the second record") {
    disk.flip_bit(kFirst, groups[1].at + groups[1].header_bytes + framed_bytes(300), 5);
    const auto records = read_all(*open_reader(disk, lane_options()));
    CHECK(lost_offsets(records) == std::vector<std::uint64_t>{5, 6, 7});
    CHECK(records[7].after == digest_of(8, 300));
    CHECK(records.back().after == digest_of(12, 300));
  }
  SECTION("group header") {
    disk.flip_bit(kFirst, groups[1].at + 40, 1);
    Recovery recovery;
    auto writer = open_writer(disk, lane_options(), {}, &recovery);
    CHECK(recovery.lost == 4);
    const auto records = read_all(*open_reader(disk, lane_options()));
    CHECK(lost_offsets(records) == std::vector<std::uint64_t>{4, 5, 6, 7});
    CHECK(records[7].after == digest_of(8, 300));
    CHECK(records.back().after == digest_of(12, 300));
    // Whatever could not be read of the totals is counted as other: the sum is the head.
    CHECK(sum(writer->received_by_cohort()) == 12);
  }
}

TEST_CASE("damage to the last synced group is rot where the page proves it") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  disk.zero(kFirst, groups[2].at, groups[2].bytes);
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost == 4);
  CHECK(recovery.tail_unknown == 0);
  CHECK(writer->digest() == digest_of(12, 300));
  put_group(*writer, 1, 300);
  const auto records = read_all(*open_reader(disk, lane_options()));
  CHECK(lost_offsets(records) == std::vector<std::uint64_t>{8, 9, 10, 11});
  CHECK(records.back().after == digest_of(13, 300));
}

TEST_CASE("behind a synced group that is gone a torn one is cut, and the chain goes on from what its header says") {
  SimDisk disk;
  const std::uint64_t last = GENERATE(3U, 4U);
  three_groups(disk, last);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 8);
  disk.flip_bit(kFirst, groups[1].at + 40, 1);
  disk.zero(kFirst, groups[2].at + 512, 512);
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{8});
  CHECK(recovery.lost == 4);
  CHECK(recovery.tail_unknown == last);
  CHECK(writer->digest() == digest_of(8, 300));
}

TEST_CASE("damage to the last synced group is rot where NEXT proves it") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 0);
  disk.zero(kFirst, groups[2].at, groups[2].bytes);
  Recovery recovery;
  open_writer(disk, lane_options(), {9}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost == 4);
}

TEST_CASE("a wholly written last group that is not intact is rot, page or no page") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 0);
  SECTION("a record") { disk.flip_bit(kFirst, groups[2].at + groups[2].header_bytes + 50, 0); }
  SECTION("the header") { disk.flip_bit(kFirst, groups[2].at + 20, 0); }
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost >= 1);
  CHECK(recovery.tail_unknown == 0);
  CHECK(writer->digest() == digest_of(12, 300));
}

TEST_CASE("a claimed last group with an unwritten sector is tail_unknown: cut, counted, said") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 8);
  SECTION("all of it") { disk.zero(kFirst, groups[2].at, groups[2].bytes); }
  SECTION("one sector") { disk.zero(kFirst, groups[2].at + 512, 512); }
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{8});
  CHECK(recovery.tail_unknown == 4);
  CHECK(recovery.lost == 0);
  CHECK_FALSE(recovery.sentences.empty());
  CHECK(writer->digest() == digest_of(8, 300));
  put_group(*writer, 1, 300);
  CHECK(lost_offsets(read_all(*open_reader(disk, lane_options()))).empty());
}

TEST_CASE("a last group that has rotted together with its claim is tail_unknown: cut, counted, said") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 8);
  const std::uint64_t newest = kClaimAt + (3 % kClaimSlots) * kSectorBytes;
  disk.flip_bit(kFirst, newest + 39, 3);
  std::uint64_t unknown = 4;
  SECTION("a record") { disk.flip_bit(kFirst, groups[2].at + groups[2].header_bytes + 50, 0); }
  SECTION("the header, which knows how many") {
    disk.flip_bit(kFirst, groups[2].at + 20, 0);
    unknown = 1;
  }
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{8});
  CHECK(recovery.tail_unknown == unknown);
  CHECK(recovery.lost == 0);
  CHECK_FALSE(recovery.sentences.empty());
  CHECK(writer->digest() == digest_of(8, 300));
}

TEST_CASE("a rotten claim alone doubts nothing that is intact") {
  SimDisk disk;
  three_groups(disk);
  disk.kill();
  set_page(disk, 8);
  const std::size_t slot = GENERATE(0U, 1U);
  disk.flip_bit(kFirst, kClaimAt + slot * kSectorBytes + 39, 3);
  Recovery recovery;
  open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.tail_unknown == 0);
  CHECK(recovery.lost == 0);
}

TEST_CASE("the same damage below the previous claim is rot") {
  SimDisk disk;
  three_groups(disk);
  const auto groups = places(disk);
  disk.kill();
  set_page(disk, 0);
  // Both later groups are gone: no valid group follows, the claim of the third says the second was synced.
  disk.zero(kFirst, groups[1].at, groups[1].bytes + groups[2].bytes);
  Recovery recovery;
  open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.lost == 4);
  CHECK(recovery.tail_unknown == 4);
  CHECK(recovery.synced == Offset{8});
}

TEST_CASE("a rotten word of the page claims nothing") {
  SimDisk disk;
  three_groups(disk);
  disk.kill();
  disk.map_word(kPage, 0).value()->store(UINT64_MAX / 2);
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost == 0);
  CHECK(open_reader(disk, lane_options())->synced() == Offset{12});
}

TEST_CASE("a vanished segment is lost by offset and the lane goes on behind it") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  for (int i = 0; i < 40; ++i) put_group(*writer, 4, 1500);
  const auto bases = list_segments(disk, kLaneDir).value();
  REQUIRE(bases.size() > 4);
  SECTION("in the middle") {
    disk.erase(segment_path(kLaneDir, bases[2]));
    const auto records = read_all(*open_reader(disk, lane_options()));
    const auto lost = lost_offsets(records);
    REQUIRE(lost.size() == bases[3] - bases[2]);
    CHECK(lost.front() == bases[2].value);
    CHECK(records.back().after == digest_of(160, 1500));
  }
  SECTION("the last") {
    writer.reset();
    disk.erase(segment_path(kLaneDir, bases.back()));
    Recovery recovery;
    auto options = lane_options();
    options.known_digest = digest_of(160, 1500);
    writer = open_writer(disk, options, {160}, &recovery);
    CHECK(recovery.synced == Offset{160});
    CHECK(recovery.lost == 160 - bases.back().value);
    CHECK(writer->digest() == digest_of(160, 1500));
    put_group(*writer, 1, 1500);
    const auto records = read_all(*open_reader(disk, lane_options()));
    CHECK(lost_offsets(records).size() == recovery.lost);
    CHECK(records.back().after == digest_of(161, 1500));
  }
}

TEST_CASE("a damaged header of a segment loses no record") {
  SimDisk disk;
  three_groups(disk);
  disk.kill();
  disk.flip_bit(kFirst, 30, 0);
  Recovery recovery;
  auto writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced == Offset{12});
  CHECK(recovery.lost == 0);
  CHECK_FALSE(recovery.sentences.empty());
  CHECK(writer->digest() == digest_of(12, 300));
  put_group(*writer, 1, 300);
  const auto records = read_all(*open_reader(disk, lane_options()));
  CHECK(records.size() == 13);
  CHECK(lost_offsets(records).empty());
}

TEST_CASE("a segment whose header is damaged is read with the digest that the one before it ends with") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  std::vector<Offset> bases;
  std::vector<Digest> digests = {Digest{}};  // before each offset
  while (bases.size() < 3) {
    put_group(*writer, 1, 9'000);
    digests.push_back(writer->digest());
    bases.clear();
    for (const auto& path : disk.files()) {
      if (path.ends_with(".seg")) bases.push_back({std::stoull(path.substr(path.size() - 24, 20))});
    }
  }
  writer.reset();
  disk.kill();
  SECTION("one in the middle") { disk.flip_bit(segment_path(kLaneDir, bases[1]), 40, 0); }
  SECTION("two in a row") {
    disk.flip_bit(segment_path(kLaneDir, bases[1]), 40, 0);
    disk.flip_bit(segment_path(kLaneDir, bases[2]), 40, 0);
  }
  for (std::uint64_t n = 0; n < digests.size(); ++n) {
    INFO("offset " << n);
    const auto digest = open_reader(disk, lane_options())->digest_before({n});
    REQUIRE(digest.ok());
    CHECK(*digest == digests[n]);
  }
}

TEST_CASE("a last segment of which nothing is left but its name goes on with the chain of the one before it") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  Digest before;
  Offset base;
  for (bool second = false; !second;) {
    before = writer->digest();
    base = writer->synced();
    put_group(*writer, 1, 9'000);
    second = base > Offset{} && disk.exists(segment_path(kLaneDir, base)).value();
  }
  writer.reset();
  disk.kill();
  disk.flip_bit(segment_path(kLaneDir, base), 40, 0);
  SECTION("its only group is torn") {
    disk.zero(segment_path(kLaneDir, base), kHeaderBytes + 512, 512);
    set_page(disk, base.value);
    Recovery recovery;
    writer = open_writer(disk, lane_options(), {}, &recovery);
    REQUIRE(writer->synced() == base);
    CHECK(writer->digest() == before);
  }
  SECTION("its only group is rot") {
    disk.flip_bit(segment_path(kLaneDir, base), kHeaderBytes + 20, 0);
    set_page(disk, base.value + 1);
    writer = open_writer(disk, lane_options());
    REQUIRE(writer->synced() == base + 1);
  }
  put_group(*writer, 2);
  const auto records = read_all(*open_reader(disk, lane_options()));
  CHECK(records.back().after == writer->digest());
  CHECK(open_reader(disk, lane_options())->digest_before(base).value() == before);
}

TEST_CASE("a failed sync rewrites the group to a new segment and loses nothing") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  put_group(*writer, 3, 300);
  disk.fail(SimCall::fdatasync, Fault::io);
  put_group(*writer, 3, 300);
  CHECK(list_segments(disk, kLaneDir).value().size() == 2);
  put_group(*writer, 3, 300);
  SeededRng rng(3);
  disk.power_loss(rng);
  Recovery recovery;
  writer = open_writer(disk, lane_options(), {}, &recovery);
  CHECK(recovery.synced >= Offset{9});
  CHECK(recovery.lost == 0);
  CHECK(writer->digest() == digest_of(9, 300));
  CHECK(read_all(*open_reader(disk, lane_options())).back().after == digest_of(9, 300));
}

TEST_CASE("a commit that fails twice is refused and its offsets are given out again") {
  for (const SimCall call : {SimCall::fdatasync, SimCall::pwrite, SimCall::fallocate, SimCall::rename}) {
    SimDisk disk;
    auto options = lane_options();
    auto writer = open_writer(disk, options);
    auto reader = open_reader(disk, options);
    put_group(*writer, 3, 300);
    REQUIRE(read_all(*reader).size() == 3);
    Offset offset;
    REQUIRE(writer->append(body_of(77), "a", {1}, &offset) == AppendOutcome::appended);
    CHECK(offset == Offset{3});
    disk.fail(SimCall::pwrite, Fault::no_space, 0, 1);
    if (call != SimCall::pwrite) disk.fail(call, Fault::no_space, 0, 9);
    if (call == SimCall::pwrite) disk.fail(call, Fault::no_space, 0, 9);
    CHECK_FALSE(writer->commit({1}).ok());
    CHECK(writer->synced() == Offset{3});
    CHECK(writer->appended() == Offset{3});
    CHECK(reader->synced() == Offset{3});
    disk.clear_faults();
    put_group(*writer, 2, 300);
    const auto records = read_all(*reader);
    REQUIRE(records.size() == 5);
    CHECK(records.back().after == digest_of(5, 300));
    CHECK(records[3].body == body_of(3, 300));
  }
}

TEST_CASE("whatever call fails with whatever fault, on a new segment or over an open one, nothing acknowledged goes") {
  const Fault fault = GENERATE(Fault::io, Fault::no_space, Fault::denied);
  const SimCall call = GENERATE(SimCall::open, SimCall::pwrite, SimCall::fdatasync, SimCall::fallocate, SimCall::rename,
                                SimCall::fsync_dir, SimCall::truncate, SimCall::remove);
  const bool rotates = GENERATE(false, true);  // false: over what is reserved already
  const bool lasting = GENERATE(false, true);  // false: once
  CAPTURE(static_cast<int>(fault), static_cast<int>(call), rotates, lasting);
  SimDisk disk;
  auto options = lane_options();
  options.segment_bytes_max = 48U << 10U;
  auto writer = open_writer(disk, options);
  put_group(*writer, 3, 300);
  disk.fail(call, fault, 0, lasting ? 1'000 : 1);
  const std::uint64_t records = rotates ? 20 : 1;
  const std::size_t bytes = rotates ? 1'000 : 300;
  for (std::uint64_t n = 3; n < 3 + records; ++n) {
    REQUIRE(writer->append(body_of(n, bytes), cohort_of(n), time_of(n), nullptr) == AppendOutcome::appended);
  }
  const Result<Offset> committed = writer->commit({1});
  const std::uint64_t head = committed.ok() ? 3 + records : 3;
  CHECK(writer->synced().value == head);
  CHECK(writer->appended().value == head);
  disk.clear_faults();
  put_group(*writer, 2, 300);
  SeededRng rng(GENERATE(1, 2, 3));
  disk.power_loss(rng);
  Recovery recovery;
  writer = open_writer(disk, options, {}, &recovery);
  CHECK(recovery.lost == 0);
  CHECK(recovery.tail_unknown == 0);
  REQUIRE(writer->synced().value == head + 2);
  const auto records_read = read_all(*open_reader(disk, options));
  REQUIRE(records_read.size() == head + 2);
  for (const ReadRecord& record : records_read) CHECK_FALSE(record.lost);
  CHECK(records_read.back().body == body_of(head + 1, 300));
}

TEST_CASE("a reader follows when the segment it reads was abandoned by a failed sync") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  auto reader = open_reader(disk, lane_options());
  put_group(*writer, 3, 300);
  REQUIRE(reader->read({0}, 10, 1 << 20).value().size() == 3);
  // The file cannot even be cut: the refused group stays in it, and the base of the next segment overrules it.
  disk.fail(SimCall::fdatasync, Fault::io, 0, 9);
  disk.fail(SimCall::truncate, Fault::io, 0, 9);
  REQUIRE(writer->append(body_of(500, 300), "a", {1}, nullptr) == AppendOutcome::appended);
  CHECK_FALSE(writer->commit({1}).ok());
  disk.clear_faults();
  put_group(*writer, 2, 300);
  const auto more = reader->read({3}, 10, 1 << 20);
  REQUIRE(more.ok());
  REQUIRE((*more).size() == 2);
  CHECK((*more)[0].body == body_of(3, 300));
  CHECK((*more)[1].after == digest_of(5, 300));
}
