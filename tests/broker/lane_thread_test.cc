// A lane's thread: what it answers and when, over a writer that the test can hold, fill and break.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <condition_variable>
#include <filesystem>
#include <mutex>

#include "broker/custody/lane_thread.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "spool/segment_file.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::broker {
namespace {

class HeldWriter final : public spool::LaneWriter {
 public:
  spool::AppendOutcome append(ByteView body, std::string_view /*cohort*/, WallMs /*time*/, Offset* offset) override {
    if (bytes_ + body.size() > bytes_max) return spool::AppendOutcome::lane_full;
    bytes_ += body.size();
    {
      const std::lock_guard lock(mutex_);
      bodies_.emplace_back(body.begin(), body.end());
    }
    *offset = {appended_++};
    return spool::AppendOutcome::appended;
  }
  Result<Offset> commit(WallMs /*now*/) override {
    ++commits;
    std::unique_lock lock(mutex_);
    released_.wait(lock, [this] { return !held_; });
    if (broken) {
      appended_ = synced_.load();
      return Error{Fault::io, "planted"};
    }
    synced_ = appended_;
    return Offset{synced_};
  }
  Offset synced() const override { return {synced_}; }
  Offset appended() const override { return {appended_}; }
  std::uint64_t bytes() const override { return bytes_; }
  std::uint64_t open_group_bytes() const override { return 0; }
  std::uint64_t bytes_after(std::uint64_t framed, std::size_t /*records*/) const override { return bytes_ + framed; }
  spool::AppendOutcome room_for(std::uint64_t framed, std::size_t /*records*/) override {
    return bytes_ + framed > bytes_max ? spool::AppendOutcome::lane_full : spool::AppendOutcome::appended;
  }
  Digest digest() const override { return {}; }
  const std::map<std::string, std::uint64_t>& received_by_cohort() const override { return received_; }
  Result<std::uint64_t> release_below(Offset /*settled*/) override { return std::uint64_t{0}; }
  Result<void> seal() override {
    sealed = true;
    return {};
  }
  std::vector<Bytes> bodies() {
    const std::lock_guard lock(mutex_);
    return bodies_;
  }
  void hold(bool held) {
    {
      const std::lock_guard lock(mutex_);
      held_ = held;
    }
    released_.notify_all();
  }

  std::atomic<int> commits{0};
  std::atomic<bool> broken{false};
  std::atomic<bool> sealed{false};
  std::atomic<std::uint64_t> bytes_max{1'000'000};

 private:
  std::mutex mutex_;
  std::condition_variable released_;
  std::vector<Bytes> bodies_;
  bool held_ = false;
  std::uint64_t appended_ = 0;
  std::atomic<std::uint64_t> synced_{0};
  std::atomic<std::uint64_t> bytes_{0};
  std::map<std::string, std::uint64_t> received_;
};

class Mailbox final : public IoPort {
 public:
  void post_all(std::uint32_t thread, std::vector<Committed> answers) override {
    ++groups;
    IoPort::post_all(thread, std::move(answers));
  }
  void post(IoMessage message) override {
    const std::lock_guard lock(mutex_);
    answers_.push_back(std::get<Committed>(std::move(message)));
  }
  std::uint32_t threads() const override { return 1; }
  std::vector<Committed> answers() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }
  std::atomic<int> groups{0};
  bool wait_for(std::size_t count) {
    return test::wait_until([&] { return answers().size() >= count; }, 5000);
  }

 private:
  std::mutex mutex_;
  std::vector<Committed> answers_;
};

struct Bench {
  test::TempDir dir{"lane"};
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  os::SystemClock clock;
  std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  DoorCounts door;
  SyncBoard board;
  SpaceBoard space;
  Mailbox mailbox;
  HeldWriter* writer = nullptr;
  std::unique_ptr<LaneThread> lane;

  explicit Bench(Lane id = Lane::state, std::uint64_t queue_bytes_max = 1U << 20U, GroupPlanner::Limits group = {}) {
    auto held = std::make_unique<HeldWriter>();
    writer = held.get();
    LaneThread::Options options{
        .desk = {.lane = id, .queue_bytes_max = queue_bytes_max, .record_bytes_max = 1000, .group = group},
        .watch_ms = 10,
        .probe_path = dir / "probe"};
    lane = std::make_unique<LaneThread>(
        options, LaneThread::Parts{*disk, clock, *metrics, door, board, space, [] {}}, std::move(held),
        std::make_unique<LaneWatch>(*disk, clock, *metrics, dir.path(), SpoolUuid{}, id));
    lane->start(mailbox);
  }
  Outcome<void> offer(std::uint64_t token, std::size_t bytes = 10, std::uint64_t opening = 0) {
    Offer offer;
    offer.lane = Lane::state;
    offer.body = Bytes(bytes, 7);
    offer.token = token;
    offer.opening = opening;
    return lane->offer(std::move(offer));
  }
};

}  // namespace

TEST_CASE("LaneThread: an offer is answered only after its sync, with its offset") {
  Bench bench;
  bench.writer->hold(true);
  REQUIRE(bench.offer(41).ok());
  REQUIRE(test::wait_until([&] { return bench.writer->commits == 1; }, 5000));
  CHECK(bench.mailbox.answers().empty());
  bench.writer->hold(false);
  REQUIRE(bench.mailbox.wait_for(1));
  CHECK(bench.mailbox.answers()[0].ok);
  CHECK(bench.mailbox.answers()[0].token == 41);
  CHECK(bench.mailbox.answers()[0].offset == Offset{0});
}

TEST_CASE("LaneThread: what queued during a sync is one group, answered in order") {
  Bench bench;
  bench.writer->hold(true);
  REQUIRE(bench.offer(1).ok());
  REQUIRE(test::wait_until([&] { return bench.writer->commits == 1; }, 5000));
  for (std::uint64_t token = 2; token <= 50; ++token) REQUIRE(bench.offer(token).ok());
  bench.writer->hold(false);
  REQUIRE(bench.mailbox.wait_for(50));
  CHECK(bench.writer->commits == 2);
  const std::vector<Committed> answers = bench.mailbox.answers();
  for (std::uint64_t i = 0; i < answers.size(); ++i) {
    CHECK(answers[i].token == i + 1);
    CHECK(answers[i].offset == Offset{i});
  }
}

TEST_CASE("LaneThread: a full queue refuses with QUEUE_FULL and keeps what it took") {
  Bench bench(Lane::state, 1000);
  bench.writer->hold(true);
  std::uint64_t taken = 0;
  Outcome<void> last;
  while ((last = bench.offer(taken, 100)).ok()) ++taken;
  CHECK(last.reason() == Reason::QUEUE_FULL);
  CHECK(bench.offer(999, 1001).reason() == Reason::PAYLOAD_TOO_LARGE);
  bench.writer->hold(false);
  REQUIRE(bench.mailbox.wait_for(taken));
  CHECK(bench.door.lane(Lane::state).committed == taken);
  CHECK(bench.door.lane(Lane::state).offered == taken + 2);
}

TEST_CASE("LaneThread: a full lane answers SPOOL_FULL, and opens again when room came") {
  Bench bench;
  bench.writer->bytes_max = 15;
  REQUIRE(bench.offer(1).ok());
  REQUIRE(bench.offer(2).ok());
  REQUIRE(bench.mailbox.wait_for(2));
  CHECK(bench.mailbox.answers()[0].ok);
  CHECK_FALSE(bench.mailbox.answers()[1].ok);
  CHECK(bench.mailbox.answers()[1].reason == Reason::SPOOL_FULL);
  bench.writer->bytes_max = 1000;
  REQUIRE(test::wait_until([&] { return bench.offer(3).ok(); }, 5000));
  REQUIRE(test::wait_until([&] { return bench.mailbox.answers().back().ok; }, 5000));
}

TEST_CASE("LaneThread: nothing that waits overtakes a record that was refused for room") {
  const std::size_t group_records_max = GENERATE(std::size_t{4096}, std::size_t{1});  // beside it, and in later groups
  CAPTURE(group_records_max);
  Bench bench(Lane::state, 1U << 20U, {.group_records_max = group_records_max});
  bench.writer->bytes_max = 100;
  bench.writer->hold(true);
  REQUIRE(bench.offer(1).ok());
  REQUIRE(test::wait_until([&] { return bench.writer->commits == 1; }, 5000));
  REQUIRE(bench.offer(2, 500).ok());
  for (std::uint64_t token = 3; token <= 6; ++token) REQUIRE(bench.offer(token).ok());
  bench.writer->hold(false);
  REQUIRE(bench.mailbox.wait_for(6));
  const std::vector<Committed> answers = bench.mailbox.answers();
  CHECK(answers[0].ok);
  for (std::size_t i = 1; i < answers.size(); ++i) {
    CHECK(answers[i].token == i + 1);
    CHECK_FALSE(answers[i].ok);
    CHECK(answers[i].reason == Reason::SPOOL_FULL);
  }
}

TEST_CASE("LaneThread: what follows a refused record is refused too, though the door has opened again meanwhile") {
  Bench bench;
  const std::uint64_t opening = bench.lane->opening();
  bench.writer->bytes_max = 100;
  REQUIRE(bench.offer(1, 500, opening).ok());
  REQUIRE(bench.mailbox.wait_for(1));
  CHECK(bench.mailbox.answers()[0].reason == Reason::SPOOL_FULL);
  REQUIRE(test::wait_until([&] { return bench.offer(2).ok(); }, 5000));  // room for who follows nobody
  CHECK(bench.offer(3, 10, opening).reason() == Reason::SPOOL_FULL);
  CHECK(bench.offer(4, 10, bench.lane->opening()).ok());
}

TEST_CASE("LaneThread: a failed sync refuses its group with SPOOL_FAULT, and the lane comes back by itself") {
  Bench bench;
  // A probe that cannot be written keeps the door shut: the path is a folder.
  REQUIRE(bench.disk->make_dir(bench.dir / "probe").ok());
  bench.writer->broken = true;
  REQUIRE(bench.offer(1).ok());
  REQUIRE(bench.mailbox.wait_for(1));
  CHECK_FALSE(bench.mailbox.answers()[0].ok);
  CHECK(bench.mailbox.answers()[0].reason == Reason::SPOOL_FAULT);
  CHECK_FALSE(bench.lane->writable());
  CHECK(bench.offer(2).reason() == Reason::SPOOL_FAULT);

  bench.writer->broken = false;
  REQUIRE(test::run({"rmdir", bench.dir / "probe"}).exit_code == 0);
  REQUIRE(test::wait_until([&] { return bench.lane->writable(); }, 10'000));
  REQUIRE(bench.offer(3).ok());
  REQUIRE(bench.mailbox.wait_for(2));
  CHECK(bench.mailbox.answers()[1].ok);
  CHECK(bench.mailbox.answers()[1].offset == Offset{0});
  const LaneDoor door = bench.door.lane(Lane::state);
  CHECK(door.offered == 3);
  CHECK(door.refused.at("SPOOL_FAULT") == 2);
  CHECK(door.committed == 1);
}

TEST_CASE("LaneThread: stop commits what is queued, seals, and takes nothing more") {
  Bench bench;
  bench.writer->hold(true);
  for (std::uint64_t token = 0; token < 20; ++token) REQUIRE(bench.offer(token).ok());
  bench.writer->hold(false);
  bench.lane->stop();
  CHECK(bench.mailbox.answers().size() == 20);
  CHECK(bench.writer->sealed);
  CHECK(bench.offer(21).reason() == Reason::QUEUE_FULL);
}

namespace {

OfferBurst burst_of(std::uint64_t first, std::size_t count, std::size_t bytes = 10) {
  OfferBurst burst;
  for (std::size_t i = 0; i < count; ++i) {
    burst.add({{}, first + i}, "cohort", Bytes(bytes, static_cast<std::uint8_t>(first + i)));
  }
  return burst;
}

}  // namespace

TEST_CASE("LaneThread: a burst is one group, answered after its sync by one message, in order") {
  Bench bench;
  bench.writer->hold(true);
  OfferBurst burst = burst_of(1, 20);
  std::vector<Committed> refused;
  std::optional<Reason> no_room;
  bench.lane->offer_all(burst, refused, no_room);
  CHECK(refused.empty());
  CHECK(burst.entries.empty());
  REQUIRE(test::wait_until([&] { return bench.writer->commits == 1; }, 5000));
  CHECK(bench.mailbox.answers().empty());
  bench.writer->hold(false);
  REQUIRE(bench.mailbox.wait_for(20));
  const std::vector<Committed> answers = bench.mailbox.answers();
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(answers[i].ok);
    CHECK(answers[i].token == i + 1);
    CHECK(answers[i].offset == Offset{i});
  }
  CHECK(bench.writer->commits == 1);
  CHECK(bench.mailbox.groups == 1);
}

TEST_CASE("LaneThread: a burst larger than a group is several, and every record keeps its body and place") {
  Bench bench(Lane::state, 1U << 20U, {.group_records_max = 7});
  std::vector<Committed> refused;
  std::optional<Reason> no_room;
  for (const std::uint64_t first : {1, 21, 41}) {
    OfferBurst burst = burst_of(first, 20, first);
    bench.lane->offer_all(burst, refused, no_room);
  }
  REQUIRE(bench.offer(61).ok());
  REQUIRE(bench.mailbox.wait_for(61));
  CHECK(refused.empty());
  const std::vector<Committed> answers = bench.mailbox.answers();
  const std::vector<Bytes> bodies = bench.writer->bodies();
  REQUIRE(bodies.size() == 61);
  for (std::uint64_t i = 0; i < 60; ++i) {
    CHECK(answers[i].token == i + 1);
    CHECK(bodies[i] == Bytes(i / 20 * 20 + 1, static_cast<std::uint8_t>(i + 1)));
  }
  CHECK(bench.writer->commits >= 9);
}

TEST_CASE(
    "LaneThread: of a burst without room the rest is refused too, what is too large alone; all of it is counted") {
  Bench bench(Lane::state, 1000);
  bench.writer->hold(true);
  OfferBurst burst = burst_of(1, 2);
  burst.add({{}, 3}, "", Bytes(1001, 3));
  burst.add({{}, 4}, "", Bytes(10, 4));
  burst.add({{}, 5}, "", Bytes(900, 5));
  burst.add({{}, 6}, "", Bytes(10, 6));
  std::vector<Committed> refused;
  std::optional<Reason> no_room;
  bench.lane->offer_all(burst, refused, no_room);
  REQUIRE(refused.size() == 3);
  CHECK(refused[0].token == 3);
  CHECK(refused[0].reason == Reason::PAYLOAD_TOO_LARGE);
  CHECK(refused[1].token == 5);
  CHECK(refused[1].reason == Reason::QUEUE_FULL);
  CHECK(refused[2].token == 6);  // it would have fitted, but not before 5
  CHECK(refused[2].reason == Reason::QUEUE_FULL);
  CHECK(no_room == Reason::QUEUE_FULL);
  OfferBurst later = burst_of(7, 1);  // of the same turn: before 5 and 6 are told
  bench.lane->offer_all(later, refused, no_room);
  REQUIRE(refused.size() == 4);
  CHECK(refused[3].token == 7);
  bench.writer->hold(false);
  REQUIRE(bench.mailbox.wait_for(3));
  CHECK(bench.mailbox.answers()[2].token == 4);
  CHECK(bench.writer->bodies().back() == Bytes(10, 4));
  const LaneDoor door = bench.door.lane(Lane::state);
  CHECK(door.offered == 7);
  CHECK(door.committed == 3);
  CHECK(door.refused.at("PAYLOAD_TOO_LARGE") == 1);
  CHECK(door.refused.at("QUEUE_FULL") == 3);
}

TEST_CASE("LaneThread: an ack is committed while a bulk sync is under way") {
  Bench bulk(Lane::bulk);
  Bench ack(Lane::ack);
  bulk.writer->hold(true);
  REQUIRE(bulk.offer(1).ok());
  REQUIRE(test::wait_until([&] { return bulk.writer->commits == 1; }, 5000));
  REQUIRE(ack.offer(2).ok());
  REQUIRE(ack.mailbox.wait_for(1));
  CHECK(bulk.mailbox.answers().empty());
  bulk.writer->hold(false);
  REQUIRE(bulk.mailbox.wait_for(1));
}

TEST_CASE("LaneWatch: a settlement that was damaged is seen when it is written again, though nothing more is settled") {
  test::TempDir dir{"watch"};
  const std::unique_ptr<Disk> disk = os::make_posix_disk();
  const os::SystemClock clock;
  const std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  auto settlement = spool::SettlementLog::open(*disk, dir.path(), SpoolUuid{}, Lane::state);
  REQUIRE(settlement.ok());
  spool::Standing standing;
  standing.next = Offset{3};
  standing.totals.delivered = 3;
  REQUIRE((*settlement)->settle(standing).ok());
  std::filesystem::resize_file(dir / spool::kSettlementFile, 0);

  HeldWriter writer;
  LaneWatch watch(*disk, clock, *metrics, dir.path(), SpoolUuid{}, Lane::state);
  watch.tick(writer, true);
  REQUIRE(watch.ledger().settled.next == Offset{0});
  REQUIRE((*settlement)->settle(standing).ok());
  watch.tick(writer, true);
  CHECK(watch.ledger().settled.next == Offset{3});
}

}  // namespace wayside::broker
