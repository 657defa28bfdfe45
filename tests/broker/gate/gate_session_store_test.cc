// What sessions.db keeps across connections, restarts and clock steps.
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>
#include <mutex>

#include "broker/gate/sqlite.h"
#include "broker/gate/sqlite_session_store.h"
#include "tests/support/temp_dir.h"

namespace wayside {
namespace {

using namespace broker::session;

constexpr WallMs kNow{1'700'000'000'000};

struct Store {
  explicit Store(const test::TempDir& folder, std::uint32_t sessions_max = 100, WallMs now = kNow) {
    auto opened = broker::gate::open_sqlite_session_store({folder / "sessions.db", sessions_max}, now);
    REQUIRE(opened.ok());
    store = std::move(opened).value();
  }
  explicit Store(std::unique_ptr<SessionStore> given) : store(std::move(given)) {}
  Outcome<OpenedSession> open(const std::string& id, bool clean, std::uint32_t expiry_s, WallMs now = kNow) {
    std::promise<Outcome<OpenedSession>> answer;
    store->open({id, clean, expiry_s, now},
                [&](Outcome<OpenedSession> outcome) { answer.set_value(std::move(outcome)); });
    return answer.get_future().get();
  }
  Outcome<void> save(const std::string& id, std::uint64_t epoch, std::vector<StoredSubscription> subscriptions) {
    std::promise<Outcome<void>> answer;
    store->save({id, epoch, std::move(subscriptions)}, [&](Outcome<void> outcome) { answer.set_value(outcome); });
    return answer.get_future().get();
  }
  // A receipt as custody tells it.
  Outcome<void> receive(const Receipt& receipt) {
    std::promise<Outcome<void>> answer;
    store->expect(receipt.id, receipt.lane);
    store->received(receipt, [&](Outcome<void> outcome) { answer.set_value(outcome); });
    return answer.get_future().get();
  }
  Outcome<void> release(const std::string& id, std::uint64_t epoch, std::uint16_t packet_id) {
    std::promise<Outcome<void>> answer;
    store->release({id, epoch, packet_id}, [&](Outcome<void> outcome) { answer.set_value(outcome); });
    return answer.get_future().get();
  }
  std::optional<KnownSession> look(const std::string& id) {
    std::promise<std::optional<KnownSession>> answer;
    store->look(id, [&](const Outcome<std::optional<KnownSession>>& outcome) { answer.set_value(outcome.value()); });
    return answer.get_future().get();
  }
  std::vector<std::string> left(std::size_t max = 100, bool also_by_death = true) {
    std::promise<std::vector<std::string>> answer;
    store->left(max, also_by_death, [&](const Outcome<std::vector<LeftOnline>>& outcome) {
      std::vector<std::string> ids;
      for (const LeftOnline& one : outcome.value()) ids.push_back(one.id);
      answer.set_value(ids);
    });
    return answer.get_future().get();
  }
  std::unique_ptr<SessionStore> store;
};

using Ids = std::vector<std::uint16_t>;

TEST_CASE("a session is looked at, connected and after its end, and stays as it is") {
  const test::TempDir folder;
  Store store(folder);
  CHECK_FALSE(store.look("car"));
  const auto opened = store.open("car", true, 1000);
  REQUIRE(opened.ok());
  REQUIRE(
      store.save("car", opened.value().epoch, {{"v1/car/cmd/#", 1, false, true}, {"v1/car/x", 0, false, true}}).ok());
  const auto connected = store.look("car");
  REQUIRE(connected);
  CHECK(connected->epoch == opened.value().epoch);
  CHECK(connected->durable);
  CHECK(connected->expiry_s == 1000);
  CHECK_FALSE(connected->ended);
  CHECK(connected->subscriptions == 2);
  store.store->end({"car", opened.value().epoch, 1000, WallMs{kNow.value + 5}});
  const auto ended = store.look("car");
  REQUIRE(ended);
  CHECK(ended->ended == WallMs{kNow.value + 5});
  CHECK(store.look("car")->subscriptions == 2);
  CHECK(store.open("car", false, 1000).value().present);
}

TEST_CASE("a session store with damaged pages is refused as corrupt and left as it is") {
  const test::TempDir folder;
  {
    Store store(folder, 1'000);
    for (int i = 0; i < 200; ++i) {
      const auto opened = store.open("car-" + std::to_string(i), true, 1000);
      REQUIRE(opened.ok());
      REQUIRE(store.save("car-" + std::to_string(i), opened.value().epoch, {{"v1/car/cmd/#", 1, false, true}}).ok());
    }
  }
  const std::string path = folder / "sessions.db";
  const std::string whole = test::slurp(path);
  REQUIRE(whole.size() > 5 * 4096);
  const std::size_t page = GENERATE(0, 1, 2, 3, 4);  // the header too, and what only some vehicles would meet
  CAPTURE(page);
  std::string damaged = whole;
  damaged.replace(page * 4096, 4096, std::string(4096, '\x7f'));
  folder.write("sessions.db", damaged);
  const auto opened = broker::gate::open_sqlite_session_store({path, 100}, kNow);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().fault == Fault::corrupt);
  CHECK(test::slurp(path) == damaged);
  folder.write("sessions.db", whole);
  CHECK(broker::gate::open_sqlite_session_store({path, 100}, kNow).ok());
}

TEST_CASE("who was online when the process died is left online until it is back or told, through further deaths") {
  using Names = std::vector<std::string>;
  const test::TempDir folder;
  std::uint64_t lost_epoch = 0;
  {
    Store store(folder);
    CHECK(store.left().empty());
    for (const char* id : {"a", "b", "c", "d"}) {
      const auto opened = store.open(id, true, id == std::string("b") ? 1'000 : 0);
      REQUIRE(opened.ok());
      if (id == std::string("c")) store.store->end({"c", opened.value().epoch, 0, kNow});
      if (id == std::string("d")) lost_epoch = opened.value().epoch;
    }
    CHECK(store.left().empty());  // they are connected to this process
  }
  {
    Store store(folder);
    CHECK(store.left() == Names{"a", "b", "d"});
    CHECK(store.left(2) == Names{"a", "b"});
    const auto back = store.open("a", true, 0);
    REQUIRE(back.ok());
    store.store->end({"a", back.value().epoch, 0, kNow});
    CHECK(store.left() == Names{"b", "d"});
    store.store->told({"d", lost_epoch + 1});  // of another connection
    CHECK(store.left() == Names{"b", "d"});
    store.store->told({"d", lost_epoch});
  }
  Store store(folder);
  CHECK(store.left() == Names{"b"});
}

TEST_CASE("whose OFFLINE was refused is left online with its reason until it is back or told, through deaths") {
  using Names = std::vector<std::string>;
  const test::TempDir folder;
  std::uint64_t epoch = 0;
  {
    Store store(folder);
    epoch = store.open("a", true, 0)->epoch;
    store.store->untold({"a", epoch, Reason::KEEP_ALIVE_TIMEOUT});
    store.store->end({"a", epoch, 0, kNow});
    CHECK(store.left(100, false) == Names{"a"});
    store.store->untold({"nobody", 1, Reason::KEEP_ALIVE_TIMEOUT});
    REQUIRE(store.open("b", true, 0).ok());
    const std::uint64_t before = store.open("c", true, 0)->epoch;
    REQUIRE(store.open("c", true, 0).ok());
    store.store->untold({"c", before, Reason::KEEP_ALIVE_TIMEOUT});  // it is back
    CHECK(store.left() == Names{"a"});
  }
  Store store(folder);
  CHECK(store.left(100, false) == Names{"a"});
  CHECK(store.left() == Names{"a", "b", "c"});
  std::promise<Reason> reason;
  store.store->left(1, true,
                    [&](const Outcome<std::vector<LeftOnline>>& left) { reason.set_value(left.value().at(0).reason); });
  CHECK(reason.get_future().get() == Reason::KEEP_ALIVE_TIMEOUT);
  SECTION("told") { store.store->told({"a", epoch}); }
  SECTION("back") { REQUIRE(store.open("a", true, 0).ok()); }
  CHECK(store.left(100, false).empty());
}

TEST_CASE("subscriptions of a durable session come back after a restart of the store") {
  const test::TempDir folder;
  const StoredSubscription subscription{"v1/car/cmd/#", 1, false, true};
  std::uint64_t epoch = 0;
  {
    Store store(folder);
    const auto opened = store.open("car", false, 3'600);
    REQUIRE(opened.ok());
    CHECK_FALSE(opened->present);
    epoch = opened->epoch;
    REQUIRE(store.save("car", epoch, {subscription}).ok());
  }
  Store store(folder);
  const auto again = store.open("car", false, 3'600);
  REQUIRE(again.ok());
  CHECK(again->present);
  CHECK(again->epoch > epoch);
  CHECK(again->subscriptions == std::vector<StoredSubscription>{subscription});
}

TEST_CASE("a clean start forgets the session, and an expired one is not present") {
  const test::TempDir folder;
  Store store(folder);
  auto opened = store.open("car", false, 10);
  REQUIRE(opened.ok());
  REQUIRE(store.save("car", opened->epoch, {{"a", 1, false, false}}).ok());
  store.store->end({"car", opened->epoch, 10, kNow});
  opened = store.open("car", false, 10, {kNow.value + 9'999});
  REQUIRE(opened.ok());
  CHECK(opened->present);
  store.store->end({"car", opened->epoch, 10, kNow});
  opened = store.open("car", false, 10, {kNow.value + 10'000});
  REQUIRE(opened.ok());
  CHECK_FALSE(opened->present);
  CHECK(opened->subscriptions.empty());
  REQUIRE(store.save("car", opened->epoch, {{"a", 1, false, false}}).ok());
  opened = store.open("car", true, 10);
  REQUIRE(opened.ok());
  CHECK_FALSE(opened->present);
  CHECK(opened->subscriptions.empty());
}

TEST_CASE("the presence epoch rises although the clock steps back and the row was thrown out") {
  const test::TempDir folder;
  Store store(folder, 2);
  const auto first = store.open("car", true, 0);
  REQUIRE(first.ok());
  CHECK(first->epoch == static_cast<std::uint64_t>(kNow.value));
  const WallMs earlier{kNow.value - 3'600'000};
  const auto second = store.open("car", true, 0, earlier);
  REQUIRE(second.ok());
  CHECK(second->epoch == first->epoch + 1);
  for (int i = 0; i < 10; ++i) REQUIRE(store.open("other-" + std::to_string(i), true, 0).ok());
  const auto third = store.open("car", true, 0, earlier);
  REQUIRE(third.ok());
  CHECK(third->epoch > second->epoch);
}

TEST_CASE("sessions are bounded: the expired give way, the living do not") {
  const test::TempDir folder;
  Store store(folder, 2);
  const auto a = store.open("a", false, 10);
  REQUIRE(a.ok());
  REQUIRE(store.open("b", false, 10).ok());
  const auto refused = store.open("c", false, 10);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.reason() == Reason::TOO_MANY_SESSIONS);
  CHECK(store.open("c", true, 0).ok());
  store.store->end({"a", a->epoch, 10, kNow});
  CHECK(store.open("c", false, 10, {kNow.value + 10'001}).ok());
}

TEST_CASE("thousands of reconnects of one vehicle with an endless Session Expiry are one session") {
  const test::TempDir folder;
  Store store(folder, 1);
  constexpr int kReconnects = 2'000;  // the same path each time: more would only take longer
  for (int i = 0; i < kReconnects; ++i) {
    const auto opened = store.open("car", i % 2 == 0, kExpiryNever);
    REQUIRE(opened.ok());
    store.store->end({"car", opened->epoch, kExpiryNever, kNow});
  }
  const auto other = store.open("other", false, 10);
  REQUIRE_FALSE(other.ok());
  CHECK(other.reason() == Reason::TOO_MANY_SESSIONS);
}

TEST_CASE("what an older connection saves or ends does not touch the session of a newer one") {
  const test::TempDir folder;
  Store store(folder);
  const auto older = store.open("car", false, 10);
  const auto newer = store.open("car", false, 10);
  REQUIRE((older.ok() && newer.ok()));
  CHECK_FALSE(store.save("car", older->epoch, {{"stale", 1, false, false}}).ok());
  REQUIRE(store.save("car", newer->epoch, {{"fresh", 1, false, false}}).ok());
  store.store->end({"car", older->epoch, 0, kNow});
  const auto again = store.open("car", false, 10);
  REQUIRE(again.ok());
  CHECK(again->present);
  CHECK(again->subscriptions.size() == 1);
}

TEST_CASE("unreleased identifiers come back after a restart of the store, and a release frees them for good") {
  const test::TempDir folder;
  std::uint64_t epoch = 0;
  {
    Store store(folder);
    epoch = store.open("car", false, 3'600)->epoch;
    std::uint64_t offset = 0;
    for (const std::uint16_t id : Ids{9, 5, 7}) {
      REQUIRE(store.receive({"car", epoch, id, Lane::event, {offset++}}).ok());
    }
    REQUIRE(store.release("car", epoch, 7).ok());
  }
  for (int i = 0; i < 2; ++i) {
    Store store(folder);
    const auto again = store.open("car", false, 3'600);
    REQUIRE(again.ok());
    CHECK(again->unreleased == Ids{5, 9});
    CHECK_FALSE(store.release("car", epoch, 5).ok());  // of a connection that is over
  }
}

TEST_CASE("a clean start, an expiry and an end without expiry free the identifiers of a session") {
  const test::TempDir folder;
  Store store(folder);
  const auto receive = [&] {
    const auto opened = store.open("car", false, 10);
    REQUIRE(store.receive({"car", opened->epoch, 5, Lane::event, {opened->epoch}}).ok());
    return opened->epoch;
  };
  receive();
  CHECK(store.open("car", true, 10)->unreleased.empty());
  store.store->end({"car", receive(), 10, kNow});
  CHECK(store.open("car", false, 10, {kNow.value + 10'000})->unreleased.empty());
  store.store->end({"car", receive(), 0, kNow});
  CHECK(store.open("car", false, 10)->unreleased.empty());
  const std::uint64_t epoch = receive();
  CHECK(store.open("car", true, 10)->unreleased.empty());
  REQUIRE(store.receive({"car", epoch, 6, Lane::event, {epoch + 1'000}}).ok());  // late, of the session before
  CHECK(store.open("car", false, 10)->unreleased.empty());
}

TEST_CASE("a session is opened behind the records that its last connection had on the way") {
  const test::TempDir folder;
  Store store(folder);
  const std::uint64_t epoch = store.open("car", false, 3'600)->epoch;
  store.store->expect("car", Lane::event);
  store.store->expect("car", Lane::state);
  std::promise<Outcome<OpenedSession>> answer;
  auto opened = answer.get_future();
  store.store->open({"car", false, 3'600, kNow},
                    [&](Outcome<OpenedSession> outcome) { answer.set_value(std::move(outcome)); });
  REQUIRE(store.open("other", false, 3'600).ok());  // nobody else waits
  store.store->not_received("car", Lane::state);
  REQUIRE(store.open("other", false, 3'600).ok());
  CHECK(opened.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  store.store->received({"car", epoch, 5, Lane::event, {0}}, {});
  CHECK(opened.get()->unreleased == Ids{5});
}

TEST_CASE("a receipt whose commit failed is told as a fault, keeps its record, and is there when the session opens") {
  const test::TempDir folder;
  std::mutex mutex;
  std::array<std::uint64_t, kLanes> kept{};
  broker::gate::SessionStoreOptions options;
  options.path = folder / "sessions.db";
  options.keep_from = [&](Lane lane, Offset offset) {
    const std::scoped_lock lock(mutex);
    kept.at(index_of(lane)) = offset.value;
  };
  const auto kept_from = [&] {
    const std::scoped_lock lock(mutex);
    return kept.at(index_of(Lane::event));
  };
  auto made = broker::gate::open_sqlite_session_store(options, kNow);
  REQUIRE(made.ok());
  Store store(std::move(made).value());
  const std::uint64_t epoch = store.open("car", false, 3'600)->epoch;
  sqlite3* other = nullptr;
  REQUIRE(sqlite3_open(options.path.c_str(), &other) == SQLITE_OK);
  REQUIRE(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr) == SQLITE_OK);
  const auto stored = store.receive({"car", epoch, 5, Lane::event, {42}});
  REQUIRE_FALSE(stored.ok());
  CHECK(stored.reason() == Reason::STORE_FAULT);
  CHECK(kept_from() == 42);
  CHECK_FALSE(store.open("car", false, 3'600).ok());
  REQUIRE(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(other);
  CHECK(store.open("car", false, 3'600)->unreleased == Ids{5});
  CHECK(kept_from() == UINT64_MAX);
}

// Lanes as a start finds them: what the scan is asked, and what it tells.
struct Scanned {
  std::vector<Receipt> records;  // of the event lane
  Offset synced{};
  std::optional<Offset> asked;
  broker::gate::ReceiptScan scan() {
    return [this](Lane lane, std::optional<Offset> from, const std::function<void(const Receipt&)>& met) {
      if (lane != Lane::event) return Result<Offset>(Offset{});
      asked = from;
      for (const Receipt& record : records) {
        if (from && record.offset >= *from) met(record);
      }
      return Result<Offset>(synced);
    };
  }
};

TEST_CASE("a start finds the receipts that only the lane has, takes none twice and none of another session") {
  const test::TempDir folder;
  Scanned lane;
  broker::gate::SessionStoreOptions options{.path = folder / "sessions.db", .scan = lane.scan()};
  const auto start = [&] {
    auto made = broker::gate::open_sqlite_session_store(options, kNow);
    REQUIRE(made.ok());
    return std::make_unique<Store>(std::move(made).value());
  };
  auto store = start();
  CHECK_FALSE(lane.asked);
  const std::uint64_t old = store->open("car", false, 3'600)->epoch;
  const std::uint64_t epoch = store->open("car", true, 3'600)->epoch;
  const std::uint64_t gone = store->open("gone", true, 0)->epoch;
  REQUIRE(store->receive({"car", epoch, 5, Lane::event, {10}}).ok());
  REQUIRE(store->release("car", epoch, 5).ok());
  store.reset();
  lane.synced = {20};
  lane.records = {{"car", epoch, 5, Lane::event, {10}},   // came, and is released
                  {"car", old, 6, Lane::event, {11}},     // of the session before the clean start
                  {"gone", gone, 7, Lane::event, {12}},   // of a session that ended with its connection
                  {"car", epoch, 8, Lane::event, {13}}};  // the process died before it came
  store = start();
  REQUIRE(lane.asked);
  CHECK(lane.asked->value == 11);
  CHECK(store->open("car", false, 3'600)->unreleased == Ids{8});
  CHECK(store->open("gone", false, 3'600)->unreleased.empty());
  store->store->lane_synced(Lane::event, {30});
  REQUIRE(store->open("other", true, 0).ok());
  store.reset();
  lane.synced = {30};
  start();
  CHECK(lane.asked->value == 30);
  lane.synced = {4};  // the volume is an older copy
  start();
  start();
  CHECK(lane.asked->value == 4);
}

TEST_CASE("receipts in a fresh spool are found though the marks of the one before were higher") {
  const test::TempDir folder;
  Scanned lane;
  broker::gate::SessionStoreOptions options{.path = folder / "sessions.db", .scan = lane.scan()};
  const auto start = [&](std::uint8_t spool) {
    options.spool = SpoolUuid{};
    options.spool->bytes.fill(spool);
    auto made = broker::gate::open_sqlite_session_store(options, kNow);
    REQUIRE(made.ok());
    return std::make_unique<Store>(std::move(made).value());
  };
  lane.synced = {20};
  auto store = start(1);
  const std::uint64_t epoch = store->open("car", true, 3'600)->epoch;
  store.reset();
  store = start(1);
  REQUIRE(lane.asked);
  CHECK(lane.asked->value == 20);
  store.reset();
  SECTION("of the spool that is there: what lies below the mark came") {
    lane.records = {{"car", epoch, 5, Lane::event, {7}}};
    store = start(1);
    CHECK(lane.asked->value == 20);
    CHECK(store->open("car", false, 3'600)->unreleased.empty());
  }
  SECTION("of another spool: nothing of it came") {
    lane.records = {{"car", epoch, 5, Lane::event, {7}}};
    store = start(2);
    CHECK(lane.asked->value == 0);
    CHECK(store->open("car", false, 3'600)->unreleased == Ids{5});
    store.reset();
    store = start(2);
    CHECK(lane.asked->value == 20);
  }
  SECTION("of the spool that goes on for it: what came there is not asked for again, what follows is found") {
    options.moved = SpoolShift{*options.spool, {}};
    options.moved->common.fill({12});
    lane.records = {{"car", epoch, 5, Lane::event, {7}}, {"car", epoch, 6, Lane::event, {8}}};
    store = start(2);
    CHECK(lane.asked->value == 8);
    CHECK(store->open("car", false, 3'600)->unreleased == Ids{6});
    store.reset();
    lane.synced = {9};
    store = start(2);  // moved once
    CHECK(lane.asked->value == 20);
  }
  SECTION("of a release that kept no uuid: of the spool that is there") {
    sqlite3* other = nullptr;
    REQUIRE(sqlite3_open(options.path.c_str(), &other) == SQLITE_OK);
    REQUIRE(sqlite3_exec(other, "DELETE FROM meta WHERE name = 'spool_uuid'", nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(other);
    store = start(2);
    CHECK(lane.asked->value == 20);
  }
}

TEST_CASE("a release that opened the session without knowing of identifiers leaves none behind") {
  const test::TempDir folder;
  {
    Store store(folder);
    const std::uint64_t epoch = store.open("car", false, 3'600)->epoch;
    REQUIRE(store.receive({"car", epoch, 5, Lane::event, {1}}).ok());
  }
  sqlite3* older = nullptr;
  REQUIRE(sqlite3_open((folder / "sessions.db").c_str(), &older) == SQLITE_OK);
  // As version 0.1 opens a session: every column by its place.
  REQUIRE(sqlite3_exec(older,
                       "INSERT INTO session VALUES ('car', 9000000000000, 1, 3600, NULL) ON CONFLICT (id) DO UPDATE "
                       "SET epoch = 9000000000000, durable = 1, expiry_s = 3600, ended_ms = NULL",
                       nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(older);
  Store store(folder);
  const auto opened = store.open("car", false, 3'600);
  REQUIRE(opened.ok());
  CHECK(opened->present);
  CHECK(opened->unreleased.empty());
}

}  // namespace
}  // namespace wayside
