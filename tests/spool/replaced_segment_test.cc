// A segment file that is cut short, or that is not the one its name says: of another lane, volume or place.
#include <catch2/generators/catch_generators_range.hpp>
#include <set>

#include "spool/segment_file.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

namespace {

constexpr std::size_t kBytes = 1'500;

// Where the file comes from that takes a segment's place.
enum class Change { cut_to_nothing, cut_in_the_header, cut_in_the_middle, other_lane, other_volume, other_place };

// A lane of the same history under another identity: its files have the same names.
std::vector<Offset> fill(SimDisk& disk, const LaneOptions& options) {
  auto writer = open_writer(disk, options);
  for (int i = 0; i < 40; ++i) put_group(*writer, 4, kBytes);
  return list_segments(disk, options.dir).value();
}

LaneOptions as(const std::string& dir, Lane lane, std::uint8_t volume) {
  LaneOptions options = lane_options(dir);
  options.lane = lane;
  options.uuid.bytes[0] = static_cast<std::uint8_t>(options.uuid.bytes[0] ^ volume);
  return options;
}

Bytes instead_of(SimDisk& disk, Change change, const std::vector<Offset>& bases, std::size_t index) {
  const Bytes own = disk.content(segment_path(kLaneDir, bases[index]));
  const auto first = [&](std::size_t bytes) {
    return Bytes(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(bytes));
  };
  switch (change) {
    case Change::cut_to_nothing: return {};
    case Change::cut_in_the_header: return first(700);
    case Change::cut_in_the_middle: return first(own.size() / 2);
    case Change::other_place: return disk.content(segment_path(kLaneDir, bases[index == 0 ? 1 : 0]));
    default: break;
  }
  const LaneOptions other =
      change == Change::other_lane ? as("/spool/bulk", Lane::bulk, 0) : as("/other/state", Lane::state, 1);
  fill(disk, other);
  return disk.content(segment_path(other.dir, bases[index]));
}

std::set<std::uint64_t> lost_of(const std::vector<ReadRecord>& records) {
  std::set<std::uint64_t> lost;
  for (const ReadRecord& record : records) {
    if (record.lost) {
      lost.insert(record.offset.value);
    } else {
      CHECK(record.body == body_of(record.offset.value, kBytes));
    }
  }
  return lost;
}

const std::vector<Change> kDamage = {Change::cut_to_nothing, Change::cut_in_the_header, Change::cut_in_the_middle,
                                     Change::other_place};
const std::vector<Change> kForeign = {Change::other_lane, Change::other_volume};

struct Lane160 {  // 160 records in more than four segments, the last one open
  SimDisk disk;
  std::vector<Offset> bases = fill(disk, lane_options());
  // Puts something else into the place of a segment, opens the lane again and goes on writing.
  std::unique_ptr<LaneWriter> go_on_with(std::size_t index, Bytes instead) {
    disk.put(segment_path(kLaneDir, bases[index]), std::move(instead));
    auto writer = open_writer(disk, lane_options());
    CHECK(writer->synced() == Offset{160});
    CHECK(writer->digest() == digest_of(160, kBytes));
    put_group(*writer, 2, kBytes);
    return writer;
  }
};

}  // namespace

TEST_CASE("a segment that was cut, or is of another place in its lane, costs its own offsets, which end as lost") {
  const Change change = GENERATE(Catch::Generators::from_range(kDamage));
  const std::size_t index = GENERATE(std::size_t{0}, std::size_t{2});
  CAPTURE(static_cast<int>(change), index);
  Lane160 lane;
  REQUIRE(lane.bases.size() > 4);
  const auto writer = lane.go_on_with(index, instead_of(lane.disk, change, lane.bases, index));
  auto reader = open_reader(lane.disk, lane_options());
  const auto records = read_all(*reader);
  REQUIRE(records.size() == 162);
  const std::set<std::uint64_t> lost = lost_of(records);
  CHECK_FALSE(lost.empty());
  CHECK(*lost.begin() >= lane.bases[index].value);
  CHECK(*lost.rbegin() < lane.bases[index + 1].value);
  if (change != Change::cut_in_the_middle) CHECK(lost.size() == lane.bases[index + 1] - lane.bases[index]);
  CHECK(records.back().after == digest_of(162, kBytes));
}

TEST_CASE(
    "a segment of another lane or volume stops its readers, named, until the right one is back or it is taken away") {
  const Change change = GENERATE(Catch::Generators::from_range(kForeign));
  const std::size_t index = GENERATE(std::size_t{0}, std::size_t{2});
  CAPTURE(static_cast<int>(change), index);
  Lane160 lane;
  const std::string path = segment_path(kLaneDir, lane.bases[index]);
  const Bytes own = lane.disk.content(path);
  const auto writer = lane.go_on_with(index, instead_of(lane.disk, change, lane.bases, index));
  auto reader = open_reader(lane.disk, lane_options());
  if (index > 0) CHECK(reader->read({0}, 1, 1).ok());
  const auto read = reader->read(lane.bases[index], 10, 1U << 20U);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().fault == Fault::denied);
  CHECK(read.error().what.find(path) != std::string::npos);
  SECTION("the right one is back") {
    lane.disk.put(path, own);
    const auto records = read_all(*reader);
    CHECK(records.size() == 162);
    CHECK(lost_of(records).empty());
    CHECK(records.back().after == digest_of(162, kBytes));
  }
  SECTION("it is taken away") {
    lane.disk.erase(path);
    if (index == 0) {  // as if it had been released: nobody reads below the oldest
      CHECK(reader->oldest().value() == lane.bases[1]);
      CHECK(reader->read({0}, 10, 1U << 20U).error().fault == Fault::not_found);
      return;
    }
    const auto records = read_all(*reader);
    REQUIRE(records.size() == 162);
    CHECK(lost_of(records).size() == lane.bases[index + 1] - lane.bases[index]);
    CHECK(records.back().after == digest_of(162, kBytes));
  }
}

TEST_CASE(
    "a last segment that was cut or swapped is refused or ends as lost, by what was synced, never silently shorter") {
  const bool foreign = GENERATE(false, true);
  const Change change =
      foreign ? GENERATE(Catch::Generators::from_range(kForeign)) : GENERATE(Catch::Generators::from_range(kDamage));
  const bool sealed = GENERATE(true, false);
  CAPTURE(static_cast<int>(change), sealed);
  Lane160 lane;
  if (sealed) REQUIRE(open_writer(lane.disk, lane_options())->seal().ok());
  const std::size_t last = lane.bases.size() - 1;
  lane.disk.put(segment_path(kLaneDir, lane.bases[last]), instead_of(lane.disk, change, lane.bases, last));

  Recovery recovery;
  auto opened = LaneWriter::open(lane.disk, lane_options(), {}, &recovery);
  REQUIRE(opened.ok() != foreign);
  if (foreign) {
    CHECK(opened.error().fault == Fault::denied);  // nobody guesses: a person puts the right one back
    return;
  }
  auto writer = std::move(opened).value();
  CHECK(writer->synced() == Offset{160});  // the page knows
  CHECK(recovery.lost > 0);
  CHECK_FALSE(recovery.sentences.empty());
  put_group(*writer, 2, kBytes);
  auto reader = open_reader(lane.disk, lane_options());
  const auto records = read_all(*reader);
  REQUIRE(records.size() == 162);
  const std::set<std::uint64_t> lost = lost_of(records);
  CHECK(lost.size() == recovery.lost);
  CHECK(*lost.begin() >= lane.bases[last].value);
  CHECK(*lost.rbegin() < 160);
}

TEST_CASE("a read error of the device is an error to the reader, and no offset is lost by it") {
  SimDisk disk;
  fill(disk, lane_options());
  auto reader = open_reader(disk, lane_options());
  disk.fail(SimCall::pread, Fault::io, 0, 1'000'000);
  const auto read = reader->read({0}, 10, 1U << 20U);
  REQUIRE_FALSE(read.ok());
  CHECK(read.error().fault == Fault::io);
  CHECK_FALSE(LaneWriter::open(disk, lane_options(), {}, nullptr).ok());
  disk.clear_faults();
  const auto records = read_all(*reader);
  CHECK(records.size() == 160);
  CHECK(lost_of(records).empty());
  Recovery recovery;
  CHECK(open_writer(disk, lane_options(), {}, &recovery)->digest() == digest_of(160, kBytes));
  CHECK(recovery.lost == 0);
}
