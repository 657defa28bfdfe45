// A reader that goes on while a recovery takes back what it has read: rot and a loss of power together do that.
#include "spool/format.h"
#include "spool/segment_file.h"
#include "tests/spool/lane_fixture.h"
#include "tests/support/sim_disk.h"

using namespace wayside;
using namespace wayside::spool;
using namespace wayside::test;

TEST_CASE("a reader that stands above where recovery cut the lane reads what came there since") {
  SimDisk disk;
  const LaneOptions options = lane_options();
  auto writer = open_writer(disk, options);
  put_group(*writer, 5);
  const std::uint64_t second = writer->bytes();  // where it begins
  put_group(*writer, 5);
  writer.reset();
  // The loss of power left the page's copy behind; a reader believes the page.
  disk.map_word(options.dir + "/" + kSyncedPage, 1).value()->store(5);
  auto reader = open_reader(disk, options);
  REQUIRE(read_all(*reader).size() == 10);
  const Digest before = reader->digest_before({10}).value();
  disk.zero(segment_path(options.dir, {0}), second, kSectorBytes);
  Recovery recovery;
  writer = open_writer(disk, options, {}, &recovery);
  REQUIRE(recovery.tail_unknown == 5);
  put_group(*writer, 3, 50);
  put_group(*writer, 4, 50);
  const auto records = reader->read({10}, 100, UINT64_MAX);
  REQUIRE(records.ok());
  REQUIRE(records->size() == 2);
  CHECK(records->front().offset == Offset{10});
  CHECK(records->front().body == body_of(10, 50));
  CHECK(reader->digest_before({10}).value() != before);
}
