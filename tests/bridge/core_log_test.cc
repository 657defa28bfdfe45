#include "bridge/core/core_log.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <regex>

#include "bridge/core/core_link.h"
#include "bridge/run/core_metrics.h"
#include "bridge/sink/file_sink.h"
#include "spool/format.h"
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

TEST_CASE("a batch that no group of the core log will ever hold is too large, not waiting for room") {
  SimDisk disk;
  CoreLogOptions wide = options();
  wide.lane_bytes_max = 1ULL << 30U;
  auto log = CoreLog::open(disk, wide, nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  std::vector<CoreRecord> batch;
  for (std::uint64_t i = 0; i < 17; ++i) {
    batch.push_back(large(i));
    std::get<bridge::batch::Delivered>(batch.back().what).payload.assign(4'000'000, 0x5A);
    batch.back().first_of_batch = i == 0;
    batch.back().last_of_batch = i == 16;
  }
  CHECK((*log)->append(batch, kNow) == spool::AppendOutcome::record_too_large);
  CHECK_FALSE((*log)->dirty());
}

TEST_CASE("a checkpoint that an open found is durable before segments go by it") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    SimDisk disk;
    SeededRng rng(seed);
    auto log = CoreLog::open(disk, options(), nullptr);
    REQUIRE(log.ok());
    REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
    for (std::uint64_t offset = 0; offset < 12; ++offset) {  // two segments
      REQUIRE((*log)->append({large(offset)}, kNow) == spool::AppendOutcome::appended);
      REQUIRE((*log)->flush(kNow, nullptr).ok());
    }
    disk.fail(SimCall::fsync_dir, Fault::io, 0, 1);
    REQUIRE_FALSE((*log)->checkpoint().ok());
    log = Error{Fault::internal, "closed"};
    log = CoreLog::open(disk, options(), nullptr);
    REQUIRE(log.ok());
    const auto freed = (*log)->release(Lane::bulk, (*log)->synced(Lane::bulk));
    REQUIRE(freed.ok());
    REQUIRE(*freed > 0);
    disk.power_loss(rng);
    log = Error{Fault::internal, "closed"};
    std::vector<std::string> sentences;
    log = CoreLog::open(disk, options(), &sentences);
    REQUIRE(log.ok());
    for (const std::string& sentence : sentences) CHECK(sentence.find("lost") == std::string::npos);
    CHECK((*log)->durable().of(uuid_of_edge(), Lane::bulk).totals.delivered == 12);
  }
}

TEST_CASE("a binding whose checkpoint failed is none: the next hello makes it durable or is not answered") {
  SimDisk disk;
  SeededRng rng(7);
  auto log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  disk.fail(SimCall::fdatasync, Fault::io, 0, 2);
  CHECK_FALSE((*log)->bind(uuid_of_edge(), "e1").ok());
  CHECK_FALSE((*log)->bind(uuid_of_edge(), "e1").ok());
  CHECK((*log)->durable().edges().empty());
  CHECK((*log)->staged().edges().empty());
  const auto bound = (*log)->bind(uuid_of_edge(), "e1");
  REQUIRE(bound.ok());
  CHECK(*bound);
  disk.power_loss(rng);
  log = Error{Fault::internal, "closed"};
  log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  CHECK((*log)->durable().edges().contains(uuid_of_edge()));
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

TEST_CASE("what a sink holds of a core log whose end is gone is lost there, and its offsets are not given out again") {
  const bool all_gone = GENERATE(false, true);
  SimDisk disk;
  auto log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  for (std::uint64_t offset = 0; offset < 3; ++offset) {
    REQUIRE((*log)->append({large(offset)}, kNow) == spool::AppendOutcome::appended);
    REQUIRE((*log)->flush(kNow, nullptr).ok());
    if (offset == 0) REQUIRE((*log)->checkpoint().ok());
  }
  {
    auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
    REQUIRE(sink.ok());
    REQUIRE((*sink)->turn(Lane::bulk).ok());
    REQUIRE((*sink)->done(Lane::bulk) == Offset{3});
  }
  // The mapped page fell back with a loss of power, and the last two records cannot be read any more.
  SimDisk::Image image = disk.image();
  for (auto& [place, word] : image.words) word = 0;
  disk.put_back(image);
  log = Error{Fault::internal, "closed"};
  const std::string segment = "/core/log/bulk/00000000000000000000.seg";
  if (all_gone) disk.erase(segment);
  if (!all_gone) disk.zero(segment, spool::kHeaderBytes + 24'576, 40'960);

  CoreLogOptions known = options();
  const auto held = bridge::sink::FileSink::holds(disk, "/sink");
  REQUIRE(held.ok());
  REQUIRE(held->has_value());
  known.sinks.push_back(**held);
  std::vector<std::string> sentences;
  log = CoreLog::open(disk, known, &sentences);
  REQUIRE(log.ok());
  CHECK((*log)->synced(Lane::bulk) == Offset{3});
  const std::string said = all_gone ? "no segment is left of 3 offsets" : "is damaged";
  CHECK(std::any_of(sentences.begin(), sentences.end(),
                    [&](const std::string& sentence) { return sentence.find(said) != std::string::npos; }));
  auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
  REQUIRE(sink.ok());
  // What the edge sends again has offsets of its own, and the sink goes on with them.
  for (std::uint64_t offset = 1; offset < 4; ++offset) {
    REQUIRE((*log)->append({large(offset)}, kNow) == spool::AppendOutcome::appended);
    REQUIRE((*log)->flush(kNow, nullptr).ok());
  }
  CHECK((*log)->durable().of(uuid_of_edge(), Lane::bulk).totals == spool::Totals{4, 0, 0, 0, 0});
  REQUIRE((*sink)->turn(Lane::bulk).ok());
  CHECK((*sink)->done(Lane::bulk) == (*log)->synced(Lane::bulk));
  CHECK((*log)->synced(Lane::bulk) == Offset{6});
}

TEST_CASE("what a sink holds of another core log is no evidence, and it does not follow this one, however long") {
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
  }
  CoreLogOptions other = options();
  other.root = "/core/other";
  other.fresh.bytes.fill(0xC1);
  const auto held = bridge::sink::FileSink::holds(disk, "/sink");
  REQUIRE(held.ok());
  REQUIRE(held->has_value());
  other.sinks.push_back(**held);
  log = CoreLog::open(disk, other, nullptr);
  REQUIRE(log.ok());
  CHECK((*log)->synced(Lane::bulk) == Offset{0});
  for (std::uint64_t offset = 0; offset < 4; ++offset) write(offset);
  const auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
  REQUIRE_FALSE(sink.ok());
  CHECK(sink.error().fault == Fault::corrupt);

  // A damaged name of the log says nothing, and is no other log.
  disk.flip_bit("/sink/core-log.uuid", 12, 1);
  const auto damaged = bridge::sink::FileSink::holds(disk, "/sink");
  REQUIRE(damaged.ok());
  CHECK_FALSE(damaged->has_value());
}

TEST_CASE("one rotten record inside a batch of the core log is one record lost, for the ledger and the sink") {
  SimDisk disk;
  auto log = CoreLog::open(disk, options(), nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  std::vector<CoreRecord> batch;
  for (std::uint64_t i = 0; i < 3; ++i) {
    batch.push_back(large(i));
    batch.back().first_of_batch = i == 0;
    batch.back().last_of_batch = i == 2;
  }
  REQUIRE((*log)->append(batch, kNow) == spool::AppendOutcome::appended);
  REQUIRE((*log)->flush(kNow, nullptr).ok());
  log = Error{Fault::internal, "closed"};
  disk.flip_bit("/core/log/bulk/00000000000000000000.seg", spool::kHeaderBytes + 30'000, 3);
  std::vector<std::string> sentences;
  log = CoreLog::open(disk, options(), &sentences);
  REQUIRE(log.ok());
  const spool::Standing& standing = (*log)->durable().of(uuid_of_edge(), Lane::bulk);
  CHECK(standing.next == Offset{3});
  CHECK(standing.totals == spool::Totals{2, 0, 0, 0, 1});
  auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
  REQUIRE(sink.ok());
  REQUIRE((*sink)->turn(Lane::bulk).ok());
  CHECK((*sink)->damaged() == 1);
  const Bytes lines = disk.content("/sink/bulk-00000000000000000000.jsonl");
  const std::string_view text = as_text(lines);
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("a rotten first or last record of a batch in the core log is one record lost, the rest reaches the sink") {
  for (const std::uint64_t rotten : {0U, 2U, 3U}) {
    INFO("record " << rotten);
    SimDisk disk;
    auto log = CoreLog::open(disk, options(), nullptr);
    REQUIRE(log.ok());
    REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
    for (std::uint64_t first = 0; first < 9; first += 3) {
      std::vector<CoreRecord> batch;
      for (std::uint64_t i = first; i < first + 3; ++i) {
        batch.push_back(large(i));
        batch.back().first_of_batch = i == first;
        batch.back().last_of_batch = i == first + 2;
      }
      batch.back().after.bytes.fill(static_cast<std::uint8_t>(first));
      REQUIRE((*log)->append(batch, kNow) == spool::AppendOutcome::appended);
    }
    REQUIRE((*log)->flush(kNow, nullptr).ok());
    log = Error{Fault::internal, "closed"};
    disk.flip_bit("/core/log/bulk/00000000000000000000.seg", spool::kHeaderBytes + 10'000 + 20'100 * rotten, 3);
    log = CoreLog::open(disk, options(), nullptr);
    REQUIRE(log.ok());
    const spool::Standing& standing = (*log)->durable().of(uuid_of_edge(), Lane::bulk);
    CHECK(standing.next == Offset{9});
    CHECK(standing.digest.bytes.front() == 6);
    CHECK(standing.totals == spool::Totals{8, 0, 0, 0, 1});
    auto sink = bridge::sink::FileSink::open(disk, (*log)->volume(), {.dir = "/sink"});
    REQUIRE(sink.ok());
    REQUIRE((*sink)->turn(Lane::bulk).ok());
    CHECK((*sink)->damaged() == 1);
    CHECK((*sink)->done(Lane::bulk) == Offset{9});
    const Bytes lines = disk.content("/sink/bulk-00000000000000000000.jsonl");
    const std::string_view text = as_text(lines);
    CHECK(std::count(text.begin(), text.end(), '\n') == 8);
  }
}

TEST_CASE("an end of a batch that is damaged counts once its edge goes on behind it, and not when it sends it again") {
  const auto record = [](std::uint64_t offset, bool first, bool last) {
    CoreRecord out = large(offset);
    out.first_of_batch = first;
    out.last_of_batch = last;
    return out;
  };
  BatchAssembler assembler;
  CHECK_FALSE(assembler.add(record(0, true, false)));
  CHECK_FALSE(assembler.ends_before(record(2, true, true)));  // nothing is damaged
  assembler.damaged();
  CHECK_FALSE(assembler.ends_before(record(0, true, true)));
  REQUIRE(assembler.ends_before(record(2, true, true)));
  CHECK(assembler.batch().size() == 1);
  REQUIRE(assembler.add(record(0, true, true)));
  CHECK(assembler.batch().size() == 1);
}

TEST_CASE("a core of as many edges as it may have shows the ledger of each") {
  SimDisk disk;
  CoreLogOptions log_options = options();
  log_options.lane_bytes_max = 64U << 20U;
  auto log = CoreLog::open(disk, log_options, nullptr);
  REQUIRE(log.ok());
  CoreOptions core;
  for (unsigned n = 0; n < 256; ++n) {
    SpoolUuid uuid;
    uuid.bytes.fill(static_cast<std::uint8_t>(n));
    core.edges.push_back({"edge-" + std::to_string(n), "r"});
    REQUIRE((*log)->bind(uuid, core.edges.back().name).ok());
    for (const Lane lane : kAllLanes) {
      CoreRecord record;
      record.lane = lane;
      record.uuid = uuid;
      record.what = TombstoneRange{bridge::batch::Outcome::resent, {{"model-x", 1}}};
      record.count = 1;
      REQUIRE((*log)->append({record}, kNow) == spool::AppendOutcome::appended);
    }
    REQUIRE((*log)->flush(kNow, nullptr).ok());
  }
  auto dead = DeadLetters::open(disk, "/core/dead", 10);
  REQUIRE(dead.ok());
  CoreLink link(core, **log, **dead);
  const auto registry = metrics::Registry::create();
  bridge::run::CoreMetrics shown(*registry);
  shown.show(link, {}, {}, {});
  const std::string text = registry->text();
  SpoolUuid last;
  last.bytes.fill(255);
  const auto lines = [&](const std::string& name) {
    const std::regex line(name + "\\{[^}]*edge=\"edge-255\"[^}]*spool=\"" + to_string(last) + "\"[^}]*\\} [1-9]");
    return std::distance(std::sregex_iterator(text.begin(), text.end(), line), std::sregex_iterator());
  };
  CHECK(lines("wayside_ledger_records_total") == 5);
  CHECK(lines("wayside_ledger_resent_records_total") == 5);
  CHECK(lines("wayside_ledger_cohorts_checksum") == 5);
}

}  // namespace wayside::test
