// The window of source ids alone, and with the core log that it is held with.
#include "bridge/core/dedupe.h"

#include <catch2/catch_test_macros.hpp>

#include "bridge/core/core_log.h"
#include "common/rng.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {
namespace {

using namespace bridge::core;

constexpr WallMs kNow{1'700'000'000'000};

SpoolUuid uuid_of_edge() {
  SpoolUuid uuid;
  uuid.bytes.fill(0xE1);
  return uuid;
}

bridge::batch::Delivered message(const std::string& mid, std::uint64_t sequence = 0, Bytes payload = {1, 2, 3}) {
  bridge::batch::Delivered out;
  out.vehicle = "V1";
  out.topic = "v1/V1/event/door";
  out.cohort = "model-x";
  out.mid = mid;
  out.sequence = sequence;
  out.payload = std::move(payload);
  return out;
}

std::vector<CoreRecord> batch_of(std::uint64_t first, std::vector<bridge::batch::Delivered> messages) {
  std::vector<CoreRecord> out;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    CoreRecord record;
    record.lane = Lane::event;
    record.uuid = uuid_of_edge();
    record.first = {first + i};
    record.first_of_batch = i == 0;
    record.last_of_batch = i + 1 == messages.size();
    record.received = kNow;
    messages[i].offset = record.first;
    record.what = std::move(messages[i]);
    out.push_back(std::move(record));
  }
  return out;
}

CoreLogOptions options(std::uint32_t ids_per_vehicle = 128) {
  CoreLogOptions out;
  out.root = "/core/log";
  out.fresh.bytes.fill(0xC0);
  out.dedupe.ids_per_vehicle = ids_per_vehicle;
  return out;
}

std::unique_ptr<CoreLog> open(SimDisk& disk, const CoreLogOptions& with = options()) {
  auto log = CoreLog::open(disk, with, nullptr);
  REQUIRE(log.ok());
  REQUIRE((*log)->bind(uuid_of_edge(), "e1").ok());
  return std::move(*log);
}

// As CoreLink does: judged, then appended.
void take(CoreLog& log, std::vector<CoreRecord> batch) {
  log.settle_repeats(batch);
  REQUIRE(log.append(batch, kNow) == spool::AppendOutcome::appended);
}
void flush(CoreLog& log) { REQUIRE(log.flush(kNow, nullptr).ok()); }

spool::Totals totals(const CoreLog& log) { return log.durable().of(uuid_of_edge(), Lane::event).totals; }
std::uint64_t next(const CoreLog& log) { return log.durable().of(uuid_of_edge(), Lane::event).next.value; }

bool same(const std::vector<SeenVehicle>& a, const std::vector<SeenVehicle>& b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (a[i].vehicle != b[i].vehicle || a[i].ids != b[i].ids) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a source id is the mid on its topic, or the sequence with the payload; without either there is none") {
  CHECK_FALSE(source_id(message("")).has_value());
  CHECK(source_id(message("m1")) == source_id(message("m1", 7, {9})));  // the sender's name for the message
  CHECK(source_id(message("m1")) != source_id(message("m2")));
  CHECK(source_id(message("", 7)) == source_id(message("", 7)));
  CHECK(source_id(message("", 7)) != source_id(message("", 8)));
  CHECK(source_id(message("", 7)) != source_id(message("", 7, {1, 2, 4})));  // a counter that began again
  CHECK(source_id(message("7")) != source_id(message("", 7)));
  for (const std::string mid : {"m1", ""}) {
    bridge::batch::Delivered other = message(mid, 7);
    other.topic = "v1/V1/event/alarm";
    CHECK(source_id(other) != source_id(message(mid, 7)));
    bridge::batch::Delivered later = message(mid, 7);
    later.epoch = 99;
    later.committed = {5};
    CHECK(source_id(later) == source_id(message(mid, 7)));  // resends come with the next connection
  }
}

TEST_CASE("a window of source ids holds the last of each vehicle and forgets the oldest first") {
  RepeatWindow window({3, 100, 1U << 20U});
  for (std::uint64_t id = 1; id <= 4; ++id) window.add("V1", id);
  window.add("V2", 50);
  CHECK_FALSE(window.contains("V1", 1));
  for (std::uint64_t id = 2; id <= 4; ++id) CHECK(window.contains("V1", id));
  CHECK(window.contains("V2", 50));
  CHECK_FALSE(window.contains("V2", 2));
  CHECK_FALSE(window.contains("V3", 2));
}

TEST_CASE("a window of source ids stays within its vehicles and bytes: who delivered longest ago goes") {
  RepeatWindow few({3, 2, 1U << 20U});
  few.add("V1", 1);
  few.add("V2", 2);
  few.add("V1", 3);
  few.add("V3", 4);
  CHECK(few.vehicles() == 2);
  CHECK(few.evicted() == 1);
  CHECK_FALSE(few.contains("V2", 2));
  CHECK(few.contains("V1", 1));
  constexpr std::uint64_t kBytes = 4'096;
  RepeatWindow small({16, 100, kBytes});
  for (std::uint64_t n = 0; n < 1'000; ++n) {
    small.add("V" + std::to_string(n % 40), n);
    REQUIRE(small.bytes() <= kBytes);
  }
  CHECK(small.contains("V39", 999));
  CHECK(small.vehicles() > 1);
}

TEST_CASE("a window of source ids that is reverted is what it was when it was kept, evictions included") {
  const std::uint64_t seed = 20'261'124;
  INFO("seed " << seed);
  SeededRng rng(seed);
  const DedupeOptions bounds{4, 6, 2'500};
  RepeatWindow window(bounds);
  RepeatWindow model(bounds);  // is given only what is kept
  std::vector<std::pair<std::string, std::uint64_t>> staged;
  for (unsigned turn = 0; turn < 2'000; ++turn) {
    for (std::uint64_t n = rng.below(8); n > 0; --n) {
      staged.emplace_back("V" + std::to_string(rng.below(9)), rng.below(1'000));
      window.add(staged.back().first, staged.back().second);
    }
    REQUIRE(same(window.durable(), model.durable()));
    if (rng.below(2) == 0) {
      window.revert();
    } else {
      window.keep();
      for (const auto& [vehicle, id] : staged) model.add(vehicle, id);
      model.keep();
    }
    staged.clear();
    REQUIRE(same(window.durable(), model.durable()));
    REQUIRE(window.bytes() == model.bytes());
  }
  RepeatWindow restored(bounds);
  restored.restore(window.durable());
  CHECK(same(restored.durable(), window.durable()));
  CHECK(restored.bytes() == window.bytes());
}

TEST_CASE("a repeat is told within its batch, across batches, and across a restart of the core") {
  SimDisk disk;
  auto log = open(disk);
  take(*log, batch_of(0, {message("m1"), message("m1"), message("m2")}));
  take(*log, batch_of(3, {message("m2"), message("m3")}));  // the first is not even durable yet
  flush(*log);
  CHECK(totals(*log) == spool::Totals{3, 2, 2, 0, 0});
  SECTION("from the log") { log.reset(); }
  SECTION("from the checkpoint") {
    REQUIRE(log->checkpoint().ok());
    log.reset();
  }
  SECTION("from the checkpoint and the log after it") {
    REQUIRE(log->checkpoint().ok());
    take(*log, batch_of(5, {message("m4")}));
    flush(*log);
    log.reset();
  }
  log = open(disk);
  const std::uint64_t at = next(*log);
  const spool::Totals before = totals(*log);
  take(*log, batch_of(at, {message("m1"), message("m2"), message("m3"), message("m9")}));
  flush(*log);
  CHECK(totals(*log).resent == before.resent + 3);
  CHECK(totals(*log).delivered == before.delivered + 1);
  CHECK(log->durable().of(uuid_of_edge(), Lane::event).cohorts.at("model-x") == totals(*log));
}

TEST_CASE("a batch that was not durable when the core lost power is judged as if it had never come") {
  SimDisk disk;
  auto log = open(disk);
  take(*log, batch_of(0, {message("m1")}));
  flush(*log);
  const std::vector<CoreRecord> batch = batch_of(1, {message("m2"), message("m1"), message("m3"), message("m2")});
  take(*log, batch);
  SECTION("with a checkpoint made meanwhile") { REQUIRE(log->checkpoint().ok()); }
  SECTION("without") {}
  SeededRng rng(1);
  disk.power_loss(rng);
  log.reset();
  log = open(disk);
  if (next(*log) == 1) take(*log, batch);  // a group that survived whole is durable and never judged again
  flush(*log);
  CHECK(next(*log) == 5);
  CHECK(totals(*log) == spool::Totals{3, 2, 2, 0, 0});
}

TEST_CASE("a batch whose sync failed leaves no source id behind: the same batch is delivered when it comes again") {
  SimDisk disk;
  auto log = open(disk);
  disk.fail(SimCall::fdatasync, Fault::io, 0, 20);
  take(*log, batch_of(0, {message("m1"), message("m2")}));
  REQUIRE_FALSE(log->flush(kNow, nullptr).ok());
  disk.clear_faults();
  REQUIRE(next(*log) == 0);
  take(*log, batch_of(0, {message("m1"), message("m2")}));
  flush(*log);
  CHECK(totals(*log) == spool::Totals{2, 0, 0, 0, 0});
}

TEST_CASE("a repeat beyond the window is delivered again, and with a window of none every repeat is") {
  SimDisk disk;
  auto log = open(disk, options(2));
  take(*log, batch_of(0, {message("m1"), message("m2"), message("m3")}));
  take(*log, batch_of(3, {message("m1"), message("m3")}));
  flush(*log);
  CHECK(totals(*log) == spool::Totals{4, 1, 1, 0, 0});
  log.reset();
  log = open(disk, options(0));
  take(*log, batch_of(5, {message("m3"), message("m3")}));
  flush(*log);
  CHECK(totals(*log) == spool::Totals{6, 1, 1, 0, 0});
}

TEST_CASE("a tombstone is no delivery: what was compacted or lost first is delivered when it comes again") {
  SimDisk disk;
  auto log = open(disk);
  std::vector<CoreRecord> lost = batch_of(0, {message("m1")});
  lost.front().what = TombstoneRange{bridge::batch::Outcome::lost, {{"model-x", 1}}};
  take(*log, lost);
  take(*log, batch_of(1, {message("m1")}));
  flush(*log);
  CHECK(totals(*log) == spool::Totals{1, 0, 0, 0, 1});
}

}  // namespace wayside::test
