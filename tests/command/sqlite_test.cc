// What only the SQLite store promises: files that are not ours, locks, groups.
#include <sqlite3.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <future>

#include "command/sqlite/sqlite_store.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::command;

namespace {

Result<std::unique_ptr<SqliteStore>> open(const std::string& path, CommandStore::Sink sink = [](const Completion&) {}) {
  return SqliteStore::open(path, "edge-1", {}, std::move(sink));
}

void change(const std::string& path, const char* sql) {
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(path.c_str(), &database) == SQLITE_OK);
  CHECK(sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
  sqlite3_close(database);
}

}  // namespace

TEST_CASE("a file that is not a database is refused as corrupt and left as it is") {
  const test::TempDir dir("sqlite");
  const std::string junk(8192, 'x');
  const std::string path = dir.write("commands.db", junk);
  const auto store = open(path);
  REQUIRE_FALSE(store.ok());
  CHECK(store.error().fault == Fault::corrupt);
  CHECK(store.error().what.find(path) != std::string::npos);
  CHECK(test::slurp(path) == junk);
}

TEST_CASE("a store of a newer version is refused with both versions named") {
  const test::TempDir dir("sqlite");
  const std::string path = dir / "commands.db";
  REQUIRE(open(path).ok());
  change(path, "PRAGMA user_version=7");
  const auto store = open(path);
  REQUIRE_FALSE(store.ok());
  CHECK(store.error().fault == Fault::unsupported);
  CHECK(store.error().what.find("version 7") != std::string::npos);
}

TEST_CASE("a database of another program is refused and left as it is") {
  const test::TempDir dir("sqlite");
  const std::string path = dir / "commands.db";
  change(path, "CREATE TABLE theirs (x)");
  const std::string before = test::slurp(path);
  const auto store = open(path);
  REQUIRE_FALSE(store.ok());
  CHECK(store.error().fault == Fault::unsupported);
  CHECK(test::slurp(path) == before);
}

TEST_CASE("a store with damaged pages is refused as corrupt") {
  const test::TempDir dir("sqlite");
  const std::string path = dir / "commands.db";
  REQUIRE(open(path).ok());
  {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    for (const int page : {1, 2, 3, 4}) {
      file.seekp(page * 4096);
      file << std::string(4096, '\x7f');
    }
  }
  const auto store = open(path);
  REQUIRE_FALSE(store.ok());
  CHECK(store.error().fault == Fault::corrupt);
}

TEST_CASE("a second opener of the store is locked out") {
  const test::TempDir dir("sqlite");
  const auto first = open(dir / "commands.db");
  REQUIRE(first.ok());
  const auto second = open(dir / "commands.db");
  REQUIRE_FALSE(second.ok());
  CHECK(second.error().fault == Fault::locked);
}

TEST_CASE("what waits together is completed in order, the last of it by the destructor") {
  const test::TempDir dir("sqlite");
  std::vector<std::uint64_t> tokens;  // of the store's thread until it ends
  auto store = open(dir / "commands.db", [&](const Completion& done) { tokens.push_back(done.token); });
  REQUIRE(store.ok());
  for (std::uint64_t token = 1; token <= 2'000; ++token) store.value()->submit(token, ReadMarks{});
  store.value().reset();
  REQUIRE(tokens.size() == 2'000);
  CHECK(std::ranges::is_sorted(tokens));
}

namespace {

struct Found {
  bool forgotten = false;
  Marks marks;
};

// Opens the store with the ack lane of spool `number`, raises the marks to `raise_to` (0: leaves them), reads them.
Found open_over(const std::string& path, std::uint8_t number, std::uint64_t raise_to = 0,
                const std::optional<SpoolShift>& moved = {}) {
  std::promise<Completion> read;
  auto sink = [&](Completion done) {
    if (done.token == 2) read.set_value(std::move(done));
  };
  SpoolUuid uuid;
  uuid.bytes.fill(number);
  auto store = SqliteStore::open(path, "edge-1", {}, sink, uuid, moved);
  REQUIRE(store.ok());
  if (raise_to > 0)
    (*store)->submit(1, ConfirmOutbox{.keys = {}, .next_offset = raise_to, .applied_ack = raise_to + 1});
  (*store)->submit(2, ReadMarks{});
  return {(*store)->offsets_forgotten(), read.get_future().get().marks};
}

}  // namespace

TEST_CASE("a store whose offsets are of another spool begins at 0 for the fresh one, once") {
  const test::TempDir dir("sqlite");
  const std::string path = dir / "commands.db";
  CHECK_FALSE(open_over(path, 1, 40).forgotten);
  const Found same = open_over(path, 1);
  CHECK_FALSE(same.forgotten);
  CHECK(same.marks.outbox_next_offset == 40);
  CHECK(same.marks.applied_ack == 41);
  const Found other = open_over(path, 2);
  CHECK(other.forgotten);
  CHECK(other.marks.outbox_next_offset == 0);
  CHECK(other.marks.applied_ack == 0);
  open_over(path, 2, 3);
  const Found again = open_over(path, 2);
  CHECK_FALSE(again.forgotten);
  CHECK(again.marks.outbox_next_offset == 3);
  CHECK(again.marks.applied_ack == 4);
}

TEST_CASE("a store whose spool goes on under another uuid keeps its places in it, once") {
  const test::TempDir dir("sqlite");
  const std::string path = dir / "commands.db";
  open_over(path, 1, 40);
  SpoolShift moved;
  moved.from.bytes.fill(1);
  moved.common[index_of(Lane::ack)] = {25};
  const Found found = open_over(path, 2, 0, moved);
  CHECK_FALSE(found.forgotten);
  CHECK(found.marks.outbox_next_offset == 15);
  CHECK(found.marks.applied_ack == 16);
  CHECK(open_over(path, 2, 0, moved).marks.applied_ack == 16);
  // Of a spool before that one nothing is known.
  const Found other = open_over(path, 3, 0, moved);
  CHECK(other.forgotten);
  CHECK(other.marks.applied_ack == 0);
}

TEST_CASE("a store of a release that kept no uuid is taken to be of the spool that is there") {
  const test::TempDir dir("sqlite");
  const std::string path = dir / "commands.db";
  open_over(path, 1, 40);
  change(path, "DROP TABLE mark_spool");
  CHECK(open(path).ok());  // which names no spool
  const Found found = open_over(path, 2);
  CHECK_FALSE(found.forgotten);
  CHECK(found.marks.applied_ack == 41);
  CHECK(open_over(path, 3).marks.applied_ack == 0);
}
