#include "bridge/core/core_record.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "bridge/core/checkpoint.h"
#include "bridge/core/standings.h"
#include "tests/support/sim_disk.h"

namespace wayside::bridge::core {
namespace {

SpoolUuid uuid_one() {
  SpoolUuid uuid;
  uuid.bytes.fill(1);
  return uuid;
}

CoreRecord delivered(std::uint64_t offset, bool first, bool last) {
  CoreRecord record;
  record.lane = Lane::state;
  record.uuid = uuid_one();
  record.first = {offset};
  record.first_of_batch = first;
  record.last_of_batch = last;
  record.received = {1'700'000'000'000};
  if (last) record.after.bytes.fill(static_cast<std::uint8_t>(offset));
  batch::Delivered body;
  body.offset = {offset};
  body.vehicle = "V1";
  body.topic = "v1/V1/state";
  body.cohort = "model-x";
  body.payload = {1, 2, 3};
  record.what = body;
  return record;
}

CoreRecord tombstones(std::uint64_t offset, std::uint64_t count, batch::Outcome outcome) {
  CoreRecord record = delivered(offset, true, true);
  record.count = count;
  record.what = TombstoneRange{outcome, {{"model-x", count - 1}}};
  return record;
}

}  // namespace

TEST_CASE("core records read back as they were written, and no cut one reads at all") {
  RequestLogged request;
  request.sequence = 9;
  request.edge = "e1";
  request.answer_topic = "wayside/answer/backend";
  request.correlation = {9};
  request.request = {1, 2};
  CoreRecord logged;
  logged.what = request;
  CoreRecord answered;
  answered.what = RequestAnswered{9, false, "REVOKED"};
  for (const CoreRecord& record : {delivered(5, true, false), delivered(6, false, true),
                                   tombstones(7, 3, batch::Outcome::expired), logged, answered}) {
    Bytes bytes;
    encode_core_record(record, bytes);
    const auto read = decode_core_record(bytes);
    REQUIRE(read.ok());
    CHECK(read->what.index() == record.what.index());
    CHECK(read->first == record.first);
    CHECK(read->count == record.count);
    CHECK(read->first_of_batch == record.first_of_batch);
    CHECK(read->after == record.after);
    Bytes again;
    encode_core_record(*read, again);
    CHECK(again == bytes);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      CHECK_FALSE(decode_core_record(ByteView(bytes).first(size)).ok());
    }
  }
}

TEST_CASE("the head of a batch that a crash cut off is dropped when the next batch begins") {
  BatchAssembler assembler;
  CHECK_FALSE(assembler.add(delivered(3, false, true)));  // reading began in the middle
  CHECK_FALSE(assembler.add(delivered(5, true, false)));  // and this one never ends
  CHECK_FALSE(assembler.add(delivered(5, true, false)));
  REQUIRE(assembler.add(delivered(6, false, true)));
  REQUIRE(assembler.batch().size() == 2);
  CHECK(assembler.batch().front().first == Offset{5});
}

TEST_CASE("standings count every outcome by cohort, and an old batch changes nothing") {
  Standings standings;
  CHECK(standings.apply({delivered(0, true, false), delivered(1, false, true)}) == ApplyOutcome::applied);
  CHECK(standings.apply({tombstones(2, 3, batch::Outcome::resent)}) == ApplyOutcome::applied);
  CHECK(standings.apply({delivered(1, true, true)}) == ApplyOutcome::old);
  const spool::Standing& standing = standings.of(uuid_one(), Lane::state);
  CHECK(standing.next == Offset{5});
  CHECK(standing.totals == spool::Totals{2, 3, 3, 0, 0});
  CHECK(standing.cohorts.at("model-x") == spool::Totals{2, 2, 2, 0, 0});
  CHECK(standing.cohorts.at(kOtherCohort) == spool::Totals{0, 1, 1, 0, 0});
  CHECK(standings.apply({delivered(7, true, true)}) == ApplyOutcome::gap);
  CHECK(standings.of(uuid_one(), Lane::state).totals.lost == 2);
}

TEST_CASE("a uuid belongs to the first edge that shows it") {
  Standings standings;
  bool is_new = false;
  CHECK(standings.bind(uuid_one(), "e1", &is_new));
  CHECK(is_new);
  CHECK(standings.bind(uuid_one(), "e1", &is_new));
  CHECK_FALSE(is_new);
  CHECK_FALSE(standings.bind(uuid_one(), "e2", &is_new));
}

TEST_CASE("a checkpoint reads back, and one flipped bit anywhere is noticed") {
  test::SimDisk disk;
  REQUIRE(disk.make_dir("/c").ok());
  Checkpoint checkpoint;
  checkpoint.next_sequence = 77;
  checkpoint.accounted[index_of(Lane::state)] = {12};
  (void)checkpoint.standings.bind(uuid_one(), "e1", nullptr);
  (void)checkpoint.standings.apply({delivered(0, true, true)});
  REQUIRE(store_checkpoint(disk, "/c", checkpoint).ok());
  auto loaded = load_checkpoint(disk, "/c");
  REQUIRE((loaded.ok() && loaded->has_value()));
  CHECK((*loaded)->next_sequence == 77);
  CHECK((*loaded)->standings.of(uuid_one(), Lane::state).next == Offset{1});
  CHECK((*loaded)->standings.edges().at(uuid_one()) == "e1");
  const Bytes bytes = encode_checkpoint(checkpoint);
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Bytes damaged = bytes;
    damaged[at] ^= 4U;
    CHECK_FALSE(decode_checkpoint(damaged).ok());
  }
}

}  // namespace wayside::bridge::core
