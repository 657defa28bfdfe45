// The contract of a command store, run against every store there is.
#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <condition_variable>
#include <mutex>

#include "command/memory/memory_store.h"
#include "command/sqlite/sqlite_store.h"
#include "tests/command/signed.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::command;
using wayside::test::id_of;

namespace {

// Three closed commands fit (515 bytes each), a fourth is above.
constexpr StoreLimits kLimits{.counters_max = 2, .closed_bytes_max = 2'000};

// Each answers do_(operation) with its completion.
class OnMemory {
 public:
  OnMemory() {
    store_.attach([this](Completion done) { done_ = std::move(done); });
  }
  Completion run(Operation operation) {
    store_.submit(7, std::move(operation));
    store_.run();
    return std::move(done_);
  }
  void reopen() {}
  void become(const std::string& holder) { store_.set_holder(holder); }

 private:
  MemoryStore store_{"edge-1", kLimits};
  Completion done_;
};

class OnSqlite {
 public:
  OnSqlite() { open(); }
  Completion run(Operation operation) {
    store_->submit(7, std::move(operation));
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return has_; });
    has_ = false;
    return std::move(done_);
  }
  void reopen() {
    store_.reset();
    open();
  }
  void become(const std::string& holder) {
    holder_ = holder;
    reopen();
  }

 private:
  void open() {
    auto store = SqliteStore::open(dir_ / "commands.db", holder_, kLimits, [this](Completion done) {
      const std::lock_guard lock(mutex_);
      done_ = std::move(done);
      has_ = true;
      arrived_.notify_one();
    });
    REQUIRE(store.ok());
    store_ = std::move(store).value();
  }

  test::TempDir dir_{"store"};
  std::string holder_ = "edge-1";
  std::mutex mutex_;
  std::condition_variable arrived_;
  bool has_ = false;
  Completion done_;
  std::unique_ptr<SqliteStore> store_;
};

Commit accept_of(std::uint8_t id, const std::string& vehicle = "car", const std::string& key = {},
                 std::uint64_t counter = 0) {
  Command row;
  row.name = {vehicle, id_of(id)};
  row.issuer.fill(1);
  row.grant_key.fill(2);
  row.grant_serial = 0xFFFF'FFFF'FFFF'FFF0ULL;
  row.group = "climate";
  row.what = "set";
  row.supersede_key = key;
  row.counter = counter;
  row.deadline = {1'000 * id};
  row.accepted_at = {5};
  row.request = std::make_shared<const Bytes>(Bytes{id, 0, 255});
  row.state = State::queued;
  row.version = 2;
  Commit commit;
  commit.vehicle = vehicle;
  Status first{.key = {row.name, 1}, .state = State::accepted, .reason = {}, .group = "climate", .what = "set"};
  first.deadline = row.deadline;
  first.at = {5};
  Status second = first;
  second.key.version = 2;
  second.state = State::queued;
  commit.accept = Accept{std::move(row), {first, second}};
  return commit;
}

Commit move_of(std::uint8_t id, std::uint64_t epoch, std::uint32_t to_version, State state) {
  Commit commit;
  commit.vehicle = "car";
  commit.epoch = epoch;
  Transition move;
  move.status = {.key = {{"car", id_of(id)}, to_version}, .state = state, .reason = "WHY", .group = {}, .what = {}};
  move.ack_next = 40;
  move.acks = 1;
  commit.transitions.push_back(move);
  return commit;
}

}  // namespace

#define STORE_TEST(name) TEMPLATE_TEST_CASE(name, "[store]", OnMemory, OnSqlite)

STORE_TEST("an accepted command is pending with all that was said of it, also after a reopen") {
  TestType store;
  const Completion done = store.run(accept_of(3));
  REQUIRE(done.outcome == StoreOutcome::done);
  CHECK(done.token == 7);
  CHECK(done.sequence == 1);
  CHECK(done.epoch == 1);
  store.reopen();
  const Completion read = store.run(ReadPending{});
  REQUIRE(read.commands.size() == 1);
  const Command& row = read.commands.front();
  const Command want = accept_of(3).accept->command;
  CHECK(row.sequence == 1);
  CHECK(row.name == want.name);
  CHECK(row.issuer == want.issuer);
  CHECK(row.grant_key == want.grant_key);
  CHECK(row.grant_serial == want.grant_serial);
  CHECK(row.group == "climate");
  CHECK(row.what == "set");
  CHECK(row.deadline == want.deadline);
  CHECK(row.accepted_at == want.accepted_at);
  CHECK(*row.request == *want.request);
  CHECK(row.state == State::queued);
  CHECK(row.version == 2);
}

STORE_TEST("the outbox holds each status in order until it is confirmed") {
  TestType store;
  store.run(accept_of(1));
  store.run(accept_of(2));
  Completion read = store.run(ReadOutbox{.limit = 3});
  REQUIRE(read.statuses.size() == 3);
  CHECK(read.statuses[0].key.name.id == id_of(1));
  CHECK(read.statuses[0].state == State::accepted);
  CHECK(read.statuses[0].group == "climate");
  CHECK(read.statuses[0].deadline == WallMs{1'000});
  CHECK(read.statuses[1].state == State::queued);
  CHECK(read.statuses[2].key.name.id == id_of(2));
  read = store.run(ReadOutbox{.after = read.statuses[2].outbox_sequence});
  CHECK(read.statuses.size() == 1);

  store.run(ConfirmOutbox{{{{"car", id_of(1)}, 2}, {{"car", id_of(2)}, 1}}, 12});
  store.run(ConfirmOutbox{{}, 11});
  store.reopen();
  CHECK(store.run(ReadOutbox{}).statuses.size() == 2);
  CHECK(store.run(ReadMarks{}).marks.outbox_next_offset == 12);
}

STORE_TEST("the same request is known and another one under its name is a conflict") {
  TestType store;
  store.run(accept_of(1));
  const Completion again = store.run(accept_of(1));
  CHECK(again.outcome == StoreOutcome::known);
  REQUIRE(again.commands.size() == 1);
  CHECK(again.commands.front().sequence == 1);
  Commit other = accept_of(1);
  other.accept->command.request = std::make_shared<const Bytes>(Bytes{9});
  CHECK(store.run(other).outcome == StoreOutcome::id_conflict);
  Commit issuer = accept_of(1);
  issuer.accept->command.issuer.fill(9);
  CHECK(store.run(issuer).outcome == StoreOutcome::id_conflict);
  CHECK(store.run(accept_of(1, "another car")).outcome == StoreOutcome::done);
  CHECK(store.run(ReadOutbox{}).statuses.size() == 4);
}

STORE_TEST("a counter must rise per issuer, vehicle and supersede key, for ever") {
  TestType store;
  const std::uint64_t high = 0xFFFF'FFFF'FFFF'FF00ULL;
  CHECK(store.run(accept_of(1, "car", "fan", high)).outcome == StoreOutcome::done);
  store.reopen();
  CHECK(store.run(accept_of(2, "car", "fan", high)).outcome == StoreOutcome::counter_low);
  CHECK(store.run(accept_of(2, "car", "fan", 3)).outcome == StoreOutcome::counter_low);
  CHECK(store.run(accept_of(2, "car", "fan", high + 1)).outcome == StoreOutcome::done);
  CHECK(store.run(accept_of(3, "car", "heat", 1)).outcome == StoreOutcome::done);
  CHECK(store.run(accept_of(4, "car", "seat", 1)).outcome == StoreOutcome::counters_full);
  CHECK(store.run(accept_of(5)).outcome == StoreOutcome::done);
  CHECK(store.run(ReadPending{}).commands.size() == 4);
}

STORE_TEST("a transition is a compare-and-swap on the version") {
  TestType store;
  const std::uint64_t epoch = store.run(accept_of(1)).epoch;
  CHECK(store.run(move_of(1, epoch, 4, State::sent)).outcome == StoreOutcome::version_conflict);
  CHECK(store.run(move_of(1, epoch, 2, State::sent)).outcome == StoreOutcome::version_conflict);
  CHECK(store.run(move_of(2, epoch, 3, State::sent)).outcome == StoreOutcome::version_conflict);
  CHECK(store.run(move_of(1, epoch, 3, State::sent)).outcome == StoreOutcome::done);
  const Completion found = store.run(FindCommand{{"car", id_of(1)}});
  REQUIRE(found.commands.size() == 1);
  CHECK(found.commands.front().state == State::sent);
  CHECK(found.commands.front().version == 3);
  CHECK(found.commands.front().reason == "WHY");
  CHECK(found.commands.front().ack_next == 40);
  CHECK(found.commands.front().acks == 1);
}

STORE_TEST("a commit that fails in one part leaves no trace of the others") {
  TestType store;
  const std::uint64_t epoch = store.run(accept_of(1, "car", "fan", 5)).epoch;
  Commit commit = accept_of(2, "car", "fan", 4);
  commit.epoch = epoch;
  commit.transitions = move_of(1, epoch, 3, State::superseded).transitions;
  commit.applied_ack = 99;
  CHECK(store.run(commit).outcome == StoreOutcome::counter_low);
  CHECK(store.run(FindCommand{{"car", id_of(1)}}).commands.front().state == State::queued);
  CHECK(store.run(ReadOutbox{}).statuses.size() == 2);
  CHECK(store.run(ReadMarks{}).marks.applied_ack == 0);
  commit.accept->command.counter = 6;
  CHECK(store.run(commit).outcome == StoreOutcome::done);
  CHECK(store.run(ReadMarks{}).marks.applied_ack == 99);
}

STORE_TEST("two transitions of one command go in one commit") {
  TestType store;
  const std::uint64_t epoch = store.run(accept_of(1)).epoch;
  Commit commit = move_of(1, epoch, 3, State::received);
  commit.transitions.push_back(move_of(1, epoch, 4, State::succeeded).transitions.front());
  CHECK(store.run(commit).outcome == StoreOutcome::done);
  CHECK(store.run(ReadPending{}).commands.empty());
  CHECK(store.run(ReadOutbox{}).statuses.size() == 4);
}

STORE_TEST("an acquired lease has a higher epoch and an older epoch commits nothing") {
  TestType store;
  const std::uint64_t first = store.run(accept_of(1)).epoch;
  const std::uint64_t second = store.run(accept_of(2)).epoch;
  CHECK(second > first);
  CHECK(store.run(move_of(1, first, 3, State::sent)).outcome == StoreOutcome::lease_lost);
  CHECK(store.run(move_of(1, second, 3, State::sent)).outcome == StoreOutcome::done);
  CHECK(store.run(ReleaseLease{"car", first}).outcome == StoreOutcome::lease_lost);
  CHECK(store.run(ReleaseLease{"car", second}).outcome == StoreOutcome::done);
  CHECK(store.run(move_of(1, second, 4, State::received)).outcome == StoreOutcome::lease_lost);
  store.reopen();
  CHECK(store.run(accept_of(3)).epoch > second);
}

STORE_TEST("a lease that another holder has is not taken from it") {
  TestType store;
  store.run(accept_of(1));
  store.become("edge-2");
  CHECK(store.run(accept_of(2)).outcome == StoreOutcome::lease_held);
  CHECK(store.run(accept_of(2, "another car")).outcome == StoreOutcome::done);
}

STORE_TEST("pending is read after a sequence, of a vehicle, and what is due") {
  TestType store;
  for (std::uint8_t id = 1; id <= 5; ++id) store.run(accept_of(id, id == 4 ? "another car" : "car"));
  CHECK(store.run(ReadPending{.after = 2, .limit = 2}).commands.size() == 2);
  CHECK(store.run(ReadPending{.after = 2, .limit = 2}).commands.front().sequence == 3);
  CHECK(store.run(ReadPending{.vehicle = "another car"}).commands.size() == 1);
  const Completion due = store.run(ReadPending{.due = WallMs{3'000}});
  REQUIRE(due.commands.size() == 3);
  CHECK(due.commands.back().deadline == WallMs{3'000});
}

STORE_TEST("lists keep the highest number") {
  TestType store;
  intent::PublicKey key{};
  key.fill(3);
  const auto put = [&](ListKind kind, std::uint64_t number) {
    return store.run(PutList{kind, key, number, Bytes{static_cast<std::uint8_t>(number)}, {}}).outcome;
  };
  CHECK(put(ListKind::trust, 0) == StoreOutcome::number_low);
  CHECK(put(ListKind::trust, 5) == StoreOutcome::done);
  CHECK(put(ListKind::revocation, 2) == StoreOutcome::done);
  store.reopen();
  CHECK(put(ListKind::trust, 5) == StoreOutcome::number_low);
  CHECK(put(ListKind::trust, 4) == StoreOutcome::number_low);
  CHECK(put(ListKind::trust, 6) == StoreOutcome::done);
  const Completion read = store.run(ReadLists{});
  REQUIRE(read.lists.size() == 2);
  CHECK(read.lists.front().kind == ListKind::trust);
  CHECK(read.lists.front().number == 6);
  CHECK(read.lists.front().framed == Bytes{6});
}

STORE_TEST("marks only rise") {
  TestType store;
  Commit commit = accept_of(1);
  commit.applied_ack = 10;
  commit.time_mark = {1'000};
  store.run(commit);
  Commit lower = accept_of(2);
  lower.applied_ack = 9;
  lower.time_mark = {999};
  store.run(lower);
  store.reopen();
  const Marks marks = store.run(ReadMarks{}).marks;
  CHECK(marks.applied_ack == 10);
  CHECK(marks.time_mark == WallMs{1'000});
}

STORE_TEST("closed commands are forgotten after their time, open ones never") {
  TestType store;
  store.run(accept_of(1));
  const std::uint64_t epoch = store.run(accept_of(2)).epoch;
  store.run(move_of(1, epoch, 3, State::expired));
  store.run(PurgeClosed{{1'000}});
  CHECK(store.run(FindCommand{{"car", id_of(1)}}).outcome == StoreOutcome::done);
  store.run(PurgeClosed{{100'000}});
  CHECK(store.run(FindCommand{{"car", id_of(1)}}).outcome == StoreOutcome::not_found);
  CHECK(store.run(FindCommand{{"car", id_of(2)}}).outcome == StoreOutcome::done);
}

STORE_TEST("above their bytes closed commands past their deadline give way to a new one, the oldest first") {
  TestType store;
  std::uint64_t epoch = 0;
  for (const std::uint8_t id : std::initializer_list<std::uint8_t>{4, 2, 3, 1}) epoch = store.run(accept_of(id)).epoch;
  for (const std::uint8_t id : std::initializer_list<std::uint8_t>{1, 2, 3})
    store.run(move_of(id, epoch, 3, State::succeeded));
  CHECK(store.run(accept_of(5, "another car")).outcome == StoreOutcome::done);
  epoch = store.run(accept_of(6)).epoch;
  CHECK(store.run(move_of(4, epoch, 3, State::failed)).closed_bytes == 4 * closed_bytes_of(3));

  Commit next = accept_of(7);
  next.time_mark = {1'000};  // the deadline of the oldest, which is not past yet
  CHECK(store.run(next).outcome == StoreOutcome::closed_full);
  CHECK(store.run(accept_of(1)).outcome == StoreOutcome::known);  // an answer needs no room
  CHECK(store.run(FindCommand{{"car", id_of(7)}}).outcome == StoreOutcome::not_found);
  next.time_mark = {2'500};
  const Completion done = store.run(next);
  CHECK(done.outcome == StoreOutcome::done);
  CHECK(done.forgotten == 2);
  CHECK(done.closed_bytes == 2 * closed_bytes_of(3));
  CHECK(store.run(FindCommand{{"car", id_of(1)}}).outcome == StoreOutcome::not_found);
  CHECK(store.run(FindCommand{{"car", id_of(2)}}).outcome == StoreOutcome::not_found);
  CHECK(store.run(FindCommand{{"car", id_of(3)}}).outcome == StoreOutcome::done);
  store.reopen();
  CHECK(store.run(ReadMarks{}).closed_bytes == 2 * closed_bytes_of(3));
  const Completion purged = store.run(PurgeClosed{{100'000}});
  CHECK(purged.forgotten == 2);
  CHECK(purged.closed_bytes == 0);
  CHECK(store.run(ReadPending{}).commands.size() == 3);
}

STORE_TEST("a purge forgets no more rows than it is asked to, the oldest first") {
  TestType store;
  std::uint64_t epoch = 0;
  for (const std::uint8_t id : std::initializer_list<std::uint8_t>{3, 1, 2}) epoch = store.run(accept_of(id)).epoch;
  for (const std::uint8_t id : std::initializer_list<std::uint8_t>{3, 1, 2})
    store.run(move_of(id, epoch, 3, State::succeeded));
  CHECK(store.run(PurgeClosed{{100'000}, 2}).forgotten == 2);
  CHECK(store.run(FindCommand{{"car", id_of(3)}}).outcome == StoreOutcome::done);
  CHECK(store.run(PurgeClosed{{100'000}, 2}).forgotten == 1);
}
