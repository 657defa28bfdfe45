// Custody over the real spool: what was acknowledged is there, settled or not, in this life and the next.
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "broker/custody/custody.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "spool/settlement.h"
#include "tests/support/process.h"
#include "tests/support/slow_disk.h"
#include "tests/support/temp_dir.h"

namespace wayside::broker {
namespace {

class Nobody final : public IoPort {
 public:
  void post(IoMessage /*message*/) override { ++posted; }
  std::uint32_t threads() const override { return 1; }
  std::atomic<std::uint64_t> posted{0};
};

struct Edge {
  const test::TempDir& dir;
  bool sessions_keep = false;
  std::unique_ptr<Disk> disk = os::make_posix_disk();
  test::SlowDisk slow{*disk, "/spool/state/"};
  os::SystemClock clock;
  std::unique_ptr<metrics::Registry> metrics = metrics::Registry::create();
  Nobody io;
  std::unique_ptr<Custody> custody;

  std::uint64_t total_bytes_max = 0;
  std::uint64_t urgent_reserve_bytes = 0;
  std::uint64_t queue_bytes_max = 16U << 20U;

  explicit Edge(const test::TempDir& folder, std::uint64_t total = 0, std::uint64_t reserve = 0,
                std::uint64_t queue = 16U << 20U, bool keep = false)
      : dir(folder),
        sessions_keep(keep),
        total_bytes_max(total),
        urgent_reserve_bytes(reserve),
        queue_bytes_max(queue) {
    Result<std::unique_ptr<Custody>> opened = open();
    REQUIRE(opened.ok());
    custody = std::move(*opened);
    custody->start(io);
  }
  CustodyOptions options() const {
    CustodyOptions options;
    options.spool_root = dir / "spool";
    options.door_file = dir / "door.counts";
    options.segment_bytes_max = 2U << 20U;
    options.lane_bytes_max.fill(8U << 20U);
    options.queue_bytes_max = queue_bytes_max;
    options.total_bytes_max = total_bytes_max;
    options.urgent_reserve_bytes = urgent_reserve_bytes;
    options.volume_reserve_bytes = 0;
    options.sessions_keep = sessions_keep;
    return options;
  }
  Result<std::unique_ptr<Custody>> open() { return Custody::open(slow, clock, *metrics, options(), os::random_uuid()); }
  // Offers `count` records of `bytes`, waits for all answers, returns how many were committed.
  std::uint64_t commit(Lane lane, std::uint64_t count, std::size_t bytes = 100) {
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> committed{0};
    for (std::uint64_t i = 0; i < count; ++i) {
      Offer offer;
      offer.lane = lane;
      offer.body = Bytes(bytes, static_cast<std::uint8_t>(i));
      offer.cohort = i % 2 == 0 ? "a" : "b";
      offer.done = [&](const Committed& answer) {
        if (answer.ok) ++committed;
        ++answered;
      };
      if (!custody->offer(std::move(offer)).ok()) ++answered;
    }
    REQUIRE(test::wait_until([&] { return answered == count; }, 20'000));
    return committed;
  }
  bool ledger_becomes(Lane lane, const std::function<bool(const LaneLedger&)>& predicate) const {
    return test::wait_until([&] { return predicate(custody->ledger(lane)); }, 5000);
  }
};

void settle(const Edge& edge, Lane lane, std::uint64_t next) {
  const spool::Volume& volume = edge.custody->volume();
  auto log = spool::SettlementLog::open(*edge.disk, volume.lane_dir(lane), volume.uuid, lane);
  REQUIRE(log.ok());
  auto reader = spool::LaneReader::open(*edge.disk, volume.lane_dir(lane), volume.uuid, lane);
  REQUIRE(reader.ok());
  spool::Standing standing;
  standing.next = {next};
  standing.digest = (*reader)->digest_before({next}).value();
  standing.totals.delivered = next;
  REQUIRE((*log)->settle(standing).ok());
}

}  // namespace

TEST_CASE("Custody: a restart keeps every committed record, and a second edge on the volume is fenced") {
  const test::TempDir dir("custody");
  {
    Edge edge(dir);
    CHECK(edge.open().error().fault == Fault::locked);
    CHECK(edge.commit(Lane::event, 300) == 300);
    CHECK(edge.commit(Lane::ack, 20) == 20);
    edge.custody->stop();
  }
  Edge edge(dir);
  CHECK(edge.custody->ledger(Lane::event).synced == Offset{300});
  CHECK(edge.custody->ledger(Lane::event).received == 300);
  CHECK(edge.custody->ledger(Lane::ack).synced == Offset{20});
  CHECK(edge.custody->ledger(Lane::event).residual() == 0);
  const LaneDoor door = edge.custody->door(Lane::event);
  CHECK(door.offered == 300);
  CHECK(door.committed == 300);
}

TEST_CASE("Custody: the ledger follows the settlement and never has a residual") {
  const test::TempDir dir("custody");
  Edge edge(dir);
  REQUIRE(edge.commit(Lane::state, 100) == 100);
  REQUIRE(edge.ledger_becomes(Lane::state, [](const LaneLedger& l) { return l.pending() == 100; }));
  settle(edge, Lane::state, 60);
  REQUIRE(edge.ledger_becomes(Lane::state, [](const LaneLedger& l) { return l.settled.totals.delivered == 60; }));
  const LaneLedger ledger = edge.custody->ledger(Lane::state);
  CHECK(ledger.pending() == 40);
  CHECK(ledger.residual() == 0);
  const auto value = [&](const char* outcome) {
    return edge.metrics->counter("wayside_ledger_records_total", "", {{"lane", "state"}, {"outcome", outcome}}).value();
  };
  CHECK(value("received") == 100);
  CHECK(value("delivered") == 60);
}

TEST_CASE("Custody: a lane whose settled segments are all gone goes on with the digest that was settled") {
  const test::TempDir dir("custody");
  Digest settled;
  {
    Edge edge(dir);
    REQUIRE(edge.commit(Lane::event, 50) == 50);
    settle(edge, Lane::event, 50);
    const spool::Volume& volume = edge.custody->volume();
    settled = spool::read_settled(*edge.disk, volume.lane_dir(Lane::event), volume.uuid, Lane::event)->digest;
    edge.custody->stop();
  }
  REQUIRE(settled != Digest{});
  std::size_t removed = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir / "spool/event")) {
    if (entry.path().extension() == ".seg") removed += std::filesystem::remove(entry.path()) ? 1 : 0;
  }
  REQUIRE(removed > 0);
  Edge edge(dir);
  CHECK(edge.custody->ledger(Lane::event).synced == Offset{50});
  CHECK(edge.commit(Lane::event, 1) == 1);
  const spool::Volume& volume = edge.custody->volume();
  auto reader = spool::LaneReader::open(*edge.disk, volume.lane_dir(Lane::event), volume.uuid, Lane::event);
  REQUIRE(reader.ok());
  CHECK((*reader)->digest_before({50}).value() == settled);
}

TEST_CASE("Custody: a full lane refuses at the door, and settling frees it") {
  const test::TempDir dir("custody");
  Edge edge(dir);
  const std::uint64_t committed = edge.commit(Lane::bulk, 80, 200'000);
  CHECK(committed < 80);
  CHECK(committed > 10);
  const LaneDoor door = edge.custody->door(Lane::bulk);
  CHECK(door.offered == 80);
  CHECK(door.committed + door.refused.at("SPOOL_FULL") +
            (door.refused.contains("QUEUE_FULL") ? door.refused.at("QUEUE_FULL") : 0) ==
        80);
  CHECK(edge.custody->writable());
  settle(edge, Lane::bulk, committed);
  REQUIRE(test::wait_until([&] { return edge.commit(Lane::bulk, 1, 200'000) == 1; }, 10'000));
  CHECK(edge.custody->ledger(Lane::bulk).residual() == 0);
}

TEST_CASE(
    "Custody: lanes that are full in total leave command and ack their reserve, and none grows beyond the total") {
  const test::TempDir dir("custody");
  constexpr std::uint64_t kTotal = 18U << 20U;
  constexpr std::uint64_t kReserve = 6U << 20U;
  Edge edge(dir, kTotal, kReserve);
  const auto held = [&] {
    std::uint64_t bytes = 0;
    for (const Lane lane : kAllLanes) bytes += edge.custody->ledger(lane).bytes;
    return bytes;
  };
  const std::uint64_t in_bulk = edge.commit(Lane::bulk, 60, 200'000);
  std::uint64_t committed = in_bulk;
  for (const Lane lane : {Lane::state, Lane::event}) committed += edge.commit(lane, 60, 200'000);
  CHECK(committed < 63);  // 12 MiB in all, though each lane alone could hold 8
  CHECK(committed > 50);
  const auto full = [&](const char* lane, const char* bound) {
    return edge.metrics->counter("wayside_custody_full_total", "", {{"lane", lane}, {"bound", bound}}).value();
  };
  CHECK(full("event", "total") > 0);
  CHECK(edge.commit(Lane::event, 1, 200'000) == 0);
  CHECK(edge.commit(Lane::ack, 12, 200'000) == 12);
  CHECK(edge.commit(Lane::command, 12, 200'000) == 12);
  CHECK(edge.ledger_becomes(Lane::command, [](const LaneLedger& l) { return l.synced == Offset{12}; }));
  CHECK(held() <= kTotal);
  settle(edge, Lane::bulk, in_bulk);  // the ledger may be a tick behind
  REQUIRE(test::wait_until([&] { return edge.commit(Lane::event, 1, 200'000) == 1; }, 10'000));
  edge.custody->stop();
  CHECK(held() <= kTotal);
}

TEST_CASE(
    "Custody: a disk that hangs for seconds delays its lane alone, refuses at the queue's bound, and loses nothing") {
  constexpr std::int64_t kStallMs = 2'000;
  const test::TempDir dir("custody");
  Edge edge(dir, 0, 0, 4U << 20U);
  REQUIRE(edge.commit(Lane::state, 1) == 1);
  edge.slow.stall(kStallMs);
  std::atomic<std::uint64_t> answered{0};
  std::atomic<std::uint64_t> committed{0};
  std::uint64_t taken = 0;
  Outcome<void> last;
  const auto offer_state = [&] {
    Offer offer;
    offer.lane = Lane::state;
    offer.body = Bytes(100'000, 7);
    offer.cohort = "a";
    offer.done = [&](const Committed& answer) {
      committed += answer.ok ? 1 : 0;
      ++answered;
    };
    return edge.custody->offer(std::move(offer));
  };
  const MonoMs began = edge.clock.mono();
  // One group is in its sync, the rest fills the queue: the bound is what a hanging disk may cost in memory.
  while ((last = offer_state()).ok() && taken < 1'000) ++taken;
  CHECK(last.reason() == Reason::QUEUE_FULL);
  CHECK(taken < 60);  // 4 MiB of queue and a group
  CHECK(edge.commit(Lane::ack, 20) == 20);
  CHECK(edge.commit(Lane::event, 20) == 20);
  CHECK(edge.clock.mono() - began < kStallMs);  // the others did not wait
  CHECK(answered == 0);
  CHECK(edge.custody->writable());  // slow is no fault
  edge.slow.stall(0);
  REQUIRE(test::wait_until([&] { return answered == taken; }, 20'000));
  CHECK(committed == taken);
  CHECK(edge.clock.mono() - began >= kStallMs);  // acknowledged behind the sync, not before
  edge.custody->stop();
  CHECK(edge.custody->ledger(Lane::state).synced == Offset{1 + taken});
}

TEST_CASE("Custody: settled segments stay while the session store has not spoken, and from the receipt it names") {
  const test::TempDir dir("custody");
  std::uint64_t bytes = 0;
  {
    Edge edge(dir, 0, 0, 16U << 20U, true);
    REQUIRE(edge.commit(Lane::state, 30, 200'000) == 30);
    settle(edge, Lane::state, 30);
    REQUIRE(edge.ledger_becomes(Lane::state, [](const LaneLedger& l) { return l.received == 30 && l.pending() == 0; }));
    bytes = edge.custody->ledger(Lane::state).bytes;
    CHECK(bytes > 5'000'000);
    edge.custody->stop();
  }
  Edge edge(dir, 0, 0, 16U << 20U, true);
  CHECK(edge.custody->ledger(Lane::state).bytes >= bytes);
  edge.custody->keep_from(Lane::state, {15}, Keeper::sessions);
  REQUIRE(edge.ledger_becomes(Lane::state, [&](const LaneLedger& l) { return l.bytes < bytes; }));
  CHECK(edge.custody->ledger(Lane::state).bytes > 2'500'000);
  edge.custody->keep_from(Lane::state, {30}, Keeper::sessions);
  REQUIRE(edge.ledger_becomes(Lane::state, [](const LaneLedger& l) { return l.bytes < 2'500'000; }));
}

}  // namespace wayside::broker
