#include "bridge/core/core_log.h"

#include <catch2/catch_test_macros.hpp>

#include "bridge/sink/file_sink.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {
namespace {

using namespace bridge::core;

constexpr WallMs kNow{1'700'000'000'000};
constexpr std::uint64_t kLaneBytesMax = 1U << 20U;

SpoolUuid uuid_of_edge() {
  SpoolUuid uuid;
  uuid.bytes.fill(0xE1);
  return uuid;
}

CoreLogOptions options() {
  CoreLogOptions out;
  out.root = "/core/log";
  out.fresh.bytes.fill(0xC0);
  out.segment_bytes_max = 128U << 10U;
  out.lane_bytes_max = kLaneBytesMax;
  return out;
}

CoreRecord large(std::uint64_t offset) {
  CoreRecord record;
  record.lane = Lane::bulk;
  record.uuid = uuid_of_edge();
  record.first = {offset};
  record.received = kNow;
  bridge::batch::Delivered body;
  body.offset = {offset};
  body.vehicle = "V1";
  body.topic = "v1/V1/bulk/trace";
  body.payload.assign(20'000, 0x5A);
  record.what = std::move(body);
  return record;
}

}  // namespace

TEST_CASE("a core log of few large records never stays full once its sinks are past them") {
  SimDisk disk;
  auto log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  for (std::uint64_t offset = 0; offset < 500; ++offset) {  // ten times what the lane holds
    INFO("offset " << offset);
    REQUIRE((*log)->append({large(offset)}, kNow) == spool::AppendOutcome::appended);
    REQUIRE((*log)->flush(kNow, nullptr).ok());
    REQUIRE((*log)->release(Lane::bulk, (*log)->synced(Lane::bulk)).ok());
    REQUIRE((*log)->room(Lane::bulk) > 0);
  }
  log = Error{Fault::internal, "closed"};
  auto again = CoreLog::open(disk, options(), nullptr);
  REQUIRE(again.ok());
  CHECK((*again)->durable().of(uuid_of_edge(), Lane::bulk).next == Offset{500});
}

TEST_CASE("a batch that the core log cannot take whole leaves nothing behind in it") {
  SimDisk disk;
  auto log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  std::uint64_t next = 0;
  const auto batch = [&] {
    std::vector<CoreRecord> out;
    for (std::uint64_t i = 0; i < 8; ++i) {
      out.push_back(large(next + i));
      out.back().first_of_batch = i == 0;
      out.back().last_of_batch = i == 7;
    }
    return out;
  };
  while ((*log)->append(batch(), kNow) == spool::AppendOutcome::appended) {
    REQUIRE((*log)->flush(kNow, nullptr).ok());
    next += 8;
  }
  REQUIRE(next > 0);
  CHECK_FALSE((*log)->dirty());
  CHECK((*log)->synced(Lane::bulk) == Offset{next});
  REQUIRE((*log)->release(Lane::bulk, Offset{next}).ok());
  CHECK((*log)->append(batch(), kNow) == spool::AppendOutcome::appended);
}

TEST_CASE("a sink that is past the end of the core log does not follow it: its next records would be skipped") {
  SimDisk disk;
  auto log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  const auto write = [&](std::uint64_t offset) {
    REQUIRE((*log)->append({large(offset)}, kNow) == spool::AppendOutcome::appended);
    REQUIRE((*log)->flush(kNow, nullptr).ok());
  };
  for (std::uint64_t offset = 0; offset < 3; ++offset) write(offset);
  {
    auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
    REQUIRE(sink.ok());
    REQUIRE((*sink)->turn(Lane::bulk).ok());
    REQUIRE((*sink)->done(Lane::bulk) == Offset{3});
  }
  CoreLogOptions other = options();
  other.root = "/core/other";
  log = CoreLog::open(disk, other, nullptr);
  REQUIRE(log.ok());
  write(0);
  const auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
  REQUIRE_FALSE(sink.ok());
  CHECK(sink.error().fault == Fault::corrupt);
}

}  // namespace wayside::test
