// The lane on a real disk and on the simulated one: what is promised where nothing goes wrong.
#include <functional>
#include <thread>

#include "common/os/posix_disk.h"
#include "spool/crc32c.h"
#include "spool/format.h"
#include "spool/segment_file.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

void on_both_disks(const std::function<void(Disk&, const LaneOptions&)>& run) {
  SECTION("on the simulated disk") {
    SimDisk disk;
    run(disk, lane_options());
  }
  SECTION("on a real disk") {
    const TempDir dir;
    const auto disk = os::make_posix_disk();
    run(*disk, lane_options(dir.path() + "/spool/state"));
  }
}

void check_records(const std::vector<ReadRecord>& records, std::uint64_t first, std::size_t bytes = 40) {
  Digest digest = digest_of(first, bytes);
  for (std::size_t i = 0; i < records.size(); ++i) {
    const std::uint64_t n = first + i;
    REQUIRE(records[i].offset.value == n);
    REQUIRE_FALSE(records[i].lost);
    REQUIRE(records[i].time == time_of(n));
    REQUIRE(records[i].body == body_of(n, bytes));
    REQUIRE(records[i].framed_bytes == framed_bytes(bytes));
    digest = chain(digest, {n}, time_of(n), body_of(n, bytes));
    REQUIRE(records[i].after == digest);
  }
}

}  // namespace

TEST_CASE("a lane gives dense offsets and reads back what was committed") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    auto writer = open_writer(disk, options);
    auto reader = open_reader(disk, options);
    CHECK(read_all(*reader).empty());
    CHECK(reader->oldest().value() == Offset{0});
    put_group(*writer, 3);
    put_group(*writer, 1);
    put_group(*writer, 20);
    const auto records = read_all(*reader);
    REQUIRE(records.size() == 24);
    check_records(records, 0);
    CHECK(writer->digest() == records.back().after);
    CHECK(writer->digest() == digest_of(24));
  });
}

TEST_CASE("nothing is readable before its commit") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    auto writer = open_writer(disk, options);
    auto reader = open_reader(disk, options);
    put_group(*writer, 2);
    REQUIRE(writer->append(body_of(2), "a", time_of(2), nullptr) == AppendOutcome::appended);
    CHECK(writer->appended() == Offset{3});
    CHECK(writer->synced() == Offset{2});
    CHECK(writer->open_group_bytes() == framed_bytes(40));
    CHECK(reader->synced() == Offset{2});
    CHECK(read_all(*reader).size() == 2);
    CHECK(reader->digest_before({3}).error().fault == Fault::not_found);
    REQUIRE(writer->commit(time_of(2)).ok());
    CHECK(read_all(*reader).size() == 3);
  });
}

TEST_CASE("a reader goes on over segment borders and from any offset") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    auto writer = open_writer(disk, options);
    auto reader = open_reader(disk, options);
    for (int i = 0; i < 60; ++i) put_group(*writer, 1 + i % 4, 1500);
    const std::uint64_t head = writer->synced().value;
    REQUIRE(list_segments(disk, options.dir).value().size() > 4);
    check_records(read_all(*reader), 0, 1500);
    for (const std::uint64_t from : {head - 1, std::uint64_t{0}, head / 2, head / 3, head / 3 + 1}) {
      auto some = reader->read({from}, 5, 1 << 20);
      REQUIRE(some.ok());
      REQUIRE((*some).size() == std::min<std::uint64_t>(5, head - from));
      check_records(*some, from, 1500);
      REQUIRE(reader->digest_before({from}).value() == digest_of(from, 1500));
    }
    CHECK(reader->digest_before({head}).value() == writer->digest());
    CHECK(reader->digest_before({0}).value() == Digest{});
  });
}

TEST_CASE("a read gives at least one record and about as many bytes as asked") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  auto reader = open_reader(disk, lane_options());
  put_group(*writer, 10, 1000);
  CHECK(reader->read({0}, 100, 1).value().size() == 1);
  CHECK(reader->read({1}, 100, 2 * framed_bytes(1000)).value().size() == 2);
  CHECK(reader->read({3}, 4, 1 << 20).value().size() == 4);
  CHECK(reader->read({10}, 4, 1 << 20).value().empty());
}

TEST_CASE("a visit gives the records of a read, without a copy and up to the same bounds") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    const auto writer = open_writer(disk, options);
    for (int group = 0; group < 40; ++group) put_group(*writer, 50);  // several segments
    const auto reader = open_reader(disk, options);
    const auto visitor = open_reader(disk, options);
    for (Offset at; at < writer->synced();) {
      auto read = reader->read(at, 33, 2'000);
      REQUIRE(read.ok());
      std::size_t seen = 0;
      auto next = visitor->visit(at, 33, 2'000, [&](const RecordView& record) {
        REQUIRE(seen < read->size());
        const ReadRecord& copy = (*read)[seen++];
        REQUIRE(record.offset == copy.offset);
        REQUIRE(record.time == copy.time);
        REQUIRE(Bytes(record.body.begin(), record.body.end()) == copy.body);
        REQUIRE(record.after == copy.after);
        REQUIRE(record.framed_bytes == copy.framed_bytes);
        REQUIRE_FALSE(record.lost);
      });
      REQUIRE(next.ok());
      REQUIRE(seen == read->size());
      REQUIRE(*next == at + seen);
      at = *next;
    }
    CHECK(*visitor->visit(writer->synced(), 1, 1, [](const RecordView&) { FAIL("beyond the head"); }) ==
          writer->synced());
  });
}

TEST_CASE("a reader that is ahead of the writer's last group by what it holds sees that group when it is committed") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    const auto writer = open_writer(disk, options);
    const auto reader = open_reader(disk, options);
    Offset at;
    for (std::uint64_t group = 1; group <= 30; ++group) {
      put_group(*writer, group % 5 + 1);
      // In steps, so that groups begin inside what was read for the one before.
      while (at < writer->synced()) {
        auto read = reader->read(at, 2, 1'000'000);
        REQUIRE(read.ok());
        check_records(*read, at.value);
        at = read->back().offset + 1;
      }
    }
  });
}

TEST_CASE("small groups go into zeros that were written ahead, large ones do not pay for any") {
  SimDisk disk;
  LaneOptions options = lane_options();
  options.segment_bytes_max = 4U << 20U;
  const auto writer = open_writer(disk, options);
  put_group(*writer, 1);
  const auto writes_of = [&](int groups, std::size_t bytes) {
    const std::uint64_t before = disk.calls(SimCall::pwrite);
    for (int group = 0; group < groups; ++group) put_group(*writer, 1, bytes);
    return disk.calls(SimCall::pwrite) - before;
  };
  CHECK(writes_of(100, 40) == 200);  // group and claim: what the first one filled holds them all
  // A group of one sector, and 512 sectors filled behind it: again at the 514th and at the 1027th.
  static_assert(kFillAheadBytes / kSectorBytes == 512);
  CHECK(writes_of(1000, 40) == 2000 + 2);
  CHECK(writes_of(10, 2 * kSmallGroupBytes) == 20);
  const Bytes segment = disk.content(segment_path(kLaneDir, {0}));
  CHECK(segment.size() == kAllocateStepBytes);  // zeros stay within what is reserved
}

TEST_CASE("reading in order costs a bounded number of disk reads a record") {
  SimDisk disk;
  auto options = lane_options();
  options.segment_bytes_max = 1 << 20;
  auto writer = open_writer(disk, options);
  auto reader = open_reader(disk, options);
  for (int i = 0; i < 400; ++i) put_group(*writer, 1, 100);
  for (std::uint64_t n = 0; n < 400; ++n) REQUIRE(reader->read({n}, 1, 1000).value().size() == 1);
  // Each read forgets its window (a writer may have written), so one or two preads each, whatever the position.
  CHECK(disk.calls(SimCall::pread) < 2 * 400 + 20);
}

TEST_CASE("received totals by cohort are the writer's and the reader's, and add up to the head") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    auto writer = open_writer(disk, options);
    auto reader = open_reader(disk, options);
    CHECK(reader->received_by_cohort().value().empty());
    for (int i = 0; i < 50; ++i) {
      put_group(*writer, 1 + i % 3, 900);
      const auto received = reader->received_by_cohort();
      REQUIRE(received.ok());
      REQUIRE(*received == writer->received_by_cohort());
      std::uint64_t total = 0;
      for (const auto& [cohort, count] : *received) total += count;
      REQUIRE(total == writer->synced().value);
    }
    auto fresh = open_reader(disk, options);
    CHECK(fresh->received_by_cohort().value() == writer->received_by_cohort());
  });
}

TEST_CASE("cohorts beyond the bound, nameless and too long ones are counted as other") {
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  const auto add = [&](const std::string& cohort) {
    REQUIRE(writer->append(body_of(1), cohort, {1}, nullptr) == AppendOutcome::appended);
  };
  for (std::size_t i = 0; i < kCohortsMax + 10; ++i) add("c" + std::to_string(i));
  add("");
  add(std::string(kCohortBytesMax + 1, 'x'));
  REQUIRE(writer->commit({1}).ok());
  CHECK(writer->received_by_cohort().size() == kCohortsMax + 1);
  CHECK(writer->received_by_cohort().at("other") == 12);
  CHECK(open_reader(disk, lane_options())->received_by_cohort().value() == writer->received_by_cohort());
}

TEST_CASE("an open after a clean stop reads the footer and no record") {
  SimDisk disk;
  auto options = lane_options();
  options.segment_bytes_max = 4 << 20;
  auto writer = open_writer(disk, options);
  for (int i = 0; i < 100; ++i) put_group(*writer, 10, 1000);
  const Digest digest = writer->digest();
  const auto received = writer->received_by_cohort();
  REQUIRE(writer->seal().ok());
  writer.reset();
  const std::uint64_t reads = disk.calls(SimCall::pread);
  const std::uint64_t writes = disk.calls(SimCall::pwrite);
  Recovery recovery;
  writer = open_writer(disk, options, {1000}, &recovery);
  CHECK(disk.calls(SimCall::pread) - reads <= 4);
  CHECK(disk.calls(SimCall::pwrite) == writes);
  CHECK(recovery.synced == Offset{1000});
  CHECK(recovery.lost + recovery.tail_unknown + recovery.torn_bytes == 0);
  CHECK(recovery.sentences.empty());
  CHECK(writer->digest() == digest);
  CHECK(writer->received_by_cohort() == received);
  put_group(*writer, 1, 1000);
  CHECK(read_all(*open_reader(disk, options)).size() == 1001);
}

TEST_CASE("only segments wholly below settled are deleted, and never the last") {
  on_both_disks([](Disk& disk, const LaneOptions& options) {
    auto writer = open_writer(disk, options);
    auto reader = open_reader(disk, options);
    for (int i = 0; i < 40; ++i) put_group(*writer, 4, 1500);
    const auto bases = list_segments(disk, options.dir).value();
    REQUIRE(bases.size() > 3);
    const std::uint64_t before = writer->bytes();
    CHECK(writer->release_below({bases[1].value - 1}).value() == 0);
    const std::uint64_t freed = writer->release_below(bases[2]).value();
    CHECK(freed > 0);
    CHECK(writer->bytes() == before - freed);
    CHECK(reader->oldest().value() == bases[2]);
    CHECK(reader->read({0}, 1, 1).error().fault == Fault::not_found);
    CHECK(reader->digest_before({1}).error().fault == Fault::not_found);
    check_records(read_all(*reader, bases[2]), bases[2].value, 1500);
    REQUIRE(writer->seal().ok());
    REQUIRE(writer->release_below(writer->synced()).ok());
    CHECK(list_segments(disk, options.dir).value().size() == 1);
    writer = open_writer(disk, options);
    CHECK(writer->synced() == Offset{160});
    CHECK(writer->digest() == digest_of(160, 1500));
  });
}

TEST_CASE("a full lane refuses, and takes again once it is settled") {
  SimDisk disk;
  auto options = lane_options();
  options.lane_bytes_max = 160 << 10;
  auto writer = open_writer(disk, options);
  while (writer->append(body_of(0, 1000), "a", {1}, nullptr) == AppendOutcome::appended) {
    REQUIRE(writer->commit({1}).ok());
    REQUIRE(writer->synced().value < 100);
  }
  CHECK(writer->bytes() <= options.lane_bytes_max);
  CHECK(writer->append(body_of(0, 1000), "a", {1}, nullptr) == AppendOutcome::lane_full);
  REQUIRE(writer->release_below(writer->synced()).value() > 0);
  CHECK(writer->append(body_of(0, 1000), "a", {1}, nullptr) == AppendOutcome::appended);
  CHECK(writer->commit({1}).ok());
}

TEST_CASE("a record above the bound is refused and takes no offset") {
  SimDisk disk;
  auto options = lane_options();
  options.record_bytes_max = 100;
  auto writer = open_writer(disk, options);
  CHECK(writer->append(body_of(0, 101), "a", {1}, nullptr) == AppendOutcome::record_too_large);
  CHECK(writer->append(body_of(0, 100), "a", {1}, nullptr) == AppendOutcome::appended);
  CHECK(writer->appended() == Offset{1});
}

TEST_CASE("empty bodies and bodies larger than a segment are records like any other") {
  SimDisk disk;
  const auto options = lane_options();
  auto writer = open_writer(disk, options);
  put_group(*writer, 2, 0);
  const Bytes large = body_of(2, 300'000);
  REQUIRE(writer->append(large, "a", {1}, nullptr) == AppendOutcome::appended);
  REQUIRE(writer->commit({1}).ok());
  put_group(*writer, 1, 10);
  const auto records = read_all(*open_reader(disk, options));
  REQUIRE(records.size() == 4);
  CHECK(records[0].body.empty());
  CHECK_FALSE(records[0].lost);
  CHECK(records[2].body == large);
}

TEST_CASE("a segment of another spool or of a later version is refused, not recovered") {
  SimDisk disk;
  auto options = lane_options();
  auto writer = open_writer(disk, options);
  put_group(*writer, 2);
  writer.reset();
  auto other = options;
  other.uuid.bytes[0] ^= 1U;
  CHECK(LaneWriter::open(disk, other, {}, nullptr).error().fault == Fault::denied);
  other = options;
  other.lane = Lane::bulk;
  CHECK(LaneWriter::open(disk, other, {}, nullptr).error().fault == Fault::denied);
}

TEST_CASE("a reader beside a writer on another thread sees every record whole and in order") {
  const TempDir dir;
  const auto disk = os::make_posix_disk();
  const auto options = lane_options(dir.path() + "/spool/state");
  auto writer = open_writer(*disk, options);
  constexpr std::uint64_t kRecords = 600;
  std::thread writing([&] {
    while (writer->synced().value < kRecords) {
      for (int i = 0; i < 3; ++i) {
        const std::uint64_t n = writer->appended().value;
        if (writer->append(body_of(n, 700), cohort_of(n), time_of(n), nullptr) != AppendOutcome::appended) return;
      }
      if (!writer->commit({1}).ok()) return;
    }
  });
  const auto reading_disk = os::make_posix_disk();
  auto reader = open_reader(*reading_disk, options);
  std::vector<ReadRecord> records;
  while (records.size() < kRecords) {
    auto some = reader->read({records.size()}, 50, 1 << 16);
    if (!some.ok()) break;
    for (auto& record : *some) records.push_back(std::move(record));
  }
  writing.join();
  REQUIRE(records.size() == kRecords);
  check_records(records, 0, 700);
}

TEST_CASE("format version 1 is these very bytes") {
  // A release reads what the one before wrote (P11): who changes a byte here raises kFormatVersion.
  SimDisk disk;
  auto writer = open_writer(disk, lane_options());
  put_group(*writer, 3);
  put_group(*writer, 2, 700);
  REQUIRE(writer->seal().ok());
  const Bytes segment = disk.content(kLaneDir + "/00000000000000000000.seg");
  CHECK(segment.size() == 35'840);
  CHECK(crc32c(0, segment) == 0xCA380115U);
  CHECK(to_string(writer->digest()) == "5635fc629e802e81138bbd4001adbb51");
  auto log = SettlementLog::open(disk, kLaneDir, test_uuid(), Lane::state);
  REQUIRE((*log)->settle({{5}, writer->digest(), {2, 1, 1, 1, 1}, {{"a", {2, 1, 1, 1, 1}}}}).ok());
  const Bytes settlements = disk.content(kLaneDir + "/settlement.log");
  CHECK(settlements.size() == 1024);
  CHECK(crc32c(0, settlements) == 0xED349747U);
}
