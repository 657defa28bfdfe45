// What sessions.db keeps across connections, restarts and clock steps.
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <future>

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
  std::unique_ptr<SessionStore> store;
};

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

}  // namespace
}  // namespace wayside
