// sessions.db on a disk whose calls fail, one after the other: what is answered, and that nothing of it lasts.
#include <catch2/catch_test_macros.hpp>

#include "broker/gate/session_desk.h"
#include "broker/gate/session_rows.h"
#include "tests/support/sqlite_faults.h"
#include "tests/support/temp_dir.h"

namespace wayside {
namespace {

using namespace broker::session;
using broker::gate::SessionDesk;
using broker::gate::SessionRows;
using test::SqliteCall;
using test::SqliteFaults;

constexpr WallMs kNow{1'700'000'000'000};
constexpr int kCallsMax = 12;  // of one kind, in the three commits that meet the fault

// The desk as the store's thread turns it, without a thread.
struct Desk {
  explicit Desk(const std::string& path) {
    auto opened = SessionRows::open_file(path, 100, kNow);
    INFO((opened ? std::string() : opened.error().what));
    REQUIRE(opened.ok());
    rows = std::move(opened).value();
    desk = std::make_unique<SessionDesk>(*rows, SessionDesk::KeepFrom());
  }
  Outcome<OpenedSession> open() {
    Outcome<OpenedSession> out = Reason::STORE_FAULT;
    desk->open({"car", false, 3'600, kNow}, [&](Outcome<OpenedSession> outcome) { out = std::move(outcome); });
    desk->turn();
    return out;
  }
  bool save(std::uint64_t epoch, const std::string& filter) {
    bool saved = false;
    desk->save({"car", epoch, {{filter, 1, false, false}}}, [&](Outcome<void> outcome) { saved = outcome.ok(); });
    desk->turn();
    return saved;
  }
  bool receive(std::uint64_t epoch, std::uint16_t id) {
    bool received = false;
    desk->expect("car", Lane::event);
    desk->received({"car", epoch, id, Lane::event, {id}}, [&](Outcome<void> outcome) { received = outcome.ok(); });
    desk->turn();
    return received;
  }
  std::unique_ptr<SessionRows> rows;
  std::unique_ptr<SessionDesk> desk;
};

// True: a call met the fault.
bool met_fault(SqliteCall call, int code, int after, int times) {
  INFO("call " << static_cast<int>(call) << ", code " << code << ", after " << after << ", times " << times);
  const SqliteFaults faults;
  const test::TempDir folder("session-fault");
  Desk store(folder / "sessions.db");
  const std::uint64_t epoch = store.open()->epoch;
  REQUIRE(store.save(epoch, "first"));
  SqliteFaults::fail(call, code, after, times);
  const bool saved = store.save(epoch, "second");
  const bool received = store.receive(epoch, 5);
  const bool saved_again = store.save(epoch, "third");
  const bool met = !saved || !received || !saved_again;
  SqliteFaults::heal();
  // The first call behind the fault is served, and finds what was answered; a receipt is never given up.
  const auto now = store.open();
  REQUIRE(now.ok());
  REQUIRE(now->present);
  REQUIRE(now->subscriptions.size() == 1);
  CHECK(now->subscriptions.front().filter == (saved_again ? "third" : saved ? "second" : "first"));
  CHECK(now->unreleased == std::vector<std::uint16_t>{5});
  REQUIRE(store.save(now->epoch, "last"));
  store.desk.reset();
  store.rows.reset();
  Desk again(folder / "sessions.db");
  const auto later = again.open();
  REQUIRE(later.ok());
  CHECK(later->subscriptions.front().filter == "last");
  CHECK(later->unreleased == std::vector<std::uint16_t>{5});
  return met;
}

TEST_CASE("whatever call of a commit to sessions.db fails, the next one is served and what was answered stands") {
  int met = 0;
  for (const SqliteCall call : {SqliteCall::write, SqliteCall::sync, SqliteCall::any}) {
    // Behind the first two SQLite has rolled back by itself; SQLITE_BUSY leaves the transaction open.
    for (const int code : {SQLITE_IOERR, SQLITE_FULL, SQLITE_BUSY}) {
      for (const int times : {1, 2, 5, 1'000}) {
        for (int after = 0; after < kCallsMax; ++after) met += met_fault(call, code, after, times) ? 1 : 0;
      }
    }
  }
  CHECK(met > 50);
}

}  // namespace
}  // namespace wayside
