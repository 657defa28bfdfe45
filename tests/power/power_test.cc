// The disk that loses power does lose: each rule of the loss by itself, over many seeds.
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <set>

#include "common/os/system.h"
#include "common/rng.h"
#include "tests/power/event_log.h"
#include "tests/power/host_files.h"
#include "tests/power/power_disk.h"
#include "tests/power/power_loss.h"
#include "tests/power/power_sqlite.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::test::power;

namespace {

constexpr std::uint64_t kSeeds = 64;
constexpr int kSqliteSyncMs = 1;  // a kill meets what is not synced

// One host with one folder of files.
class PowerWorld {
 public:
  explicit PowerWorld(Planted planted = Planted::none) : planted_(planted) {
    REQUIRE(os::make_dirs(files()).ok());
    boot();
  }
  [[nodiscard]] std::string files() const { return dir_ / "files"; }
  [[nodiscard]] std::string path(const std::string& name) const { return files() + "/" + name; }
  Disk& disk() { return *disk_; }
  void boot() {
    auto disk = make_power_disk(host(), planted_);
    REQUIRE(disk.ok());
    disk_ = std::move(disk).value();
    auto for_sqlite = open_host(host(), planted_, kSqliteSyncMs);
    REQUIRE(for_sqlite.ok());
    REQUIRE(use_for_sqlite(*for_sqlite).ok());
  }
  Loss lose(std::uint64_t seed) {
    disk_.reset();
    SeededRng rng(seed);
    auto loss = lose_power(host(), files(), rng);
    INFO((loss ? std::string() : loss.error().what));
    REQUIRE(loss.ok());
    boot();
    return *loss;
  }
  std::unique_ptr<DiskFile> make(const std::string& name) {
    auto file = disk_->open(path(name), OpenMode::create_new);
    REQUIRE(file.ok());
    return std::move(file).value();
  }
  // A durable file of `text`.
  void put(const std::string& name, const std::string& text) {
    auto file = make(name);
    REQUIRE(file->pwrite(as_bytes(text), 0).ok());
    REQUIRE(file->fdatasync().ok());
    REQUIRE(disk_->fsync_dir(files()).ok());
  }
  [[nodiscard]] std::string text(const std::string& name) const {
    const auto text = os::read_file(path(name));
    return text ? *text : "nothing";
  }

 private:
  [[nodiscard]] Host host() const { return {dir_ / "host"}; }
  Planted planted_;
  test::TempDir dir_{"power"};
  std::unique_ptr<Disk> disk_;
};

std::string sectors(std::initializer_list<char> of) {
  std::string text;
  for (const char c : of) text.append(kSectorBytes, c);
  return text;
}

}  // namespace

TEST_CASE("what was synced survives any loss of power") {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld world;
    world.put("a", sectors({'1', '2', '3'}));
    auto file = world.disk().open(world.path("a"), OpenMode::read_write);
    REQUIRE((*file)->pwrite(as_bytes(sectors({'x'})), kSectorBytes).ok());
    REQUIRE((*file)->fdatasync().ok());
    REQUIRE(world.lose(seed).sectors_lost == 0);
    REQUIRE(world.text("a") == sectors({'1', 'x', '3'}));
  }
}

TEST_CASE("of what was written and not synced any sector may stay or fall back, and nothing else changes") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld world;
    world.put("a", sectors({'1', '2', '3'}));
    auto file = world.disk().open(world.path("a"), OpenMode::read_write);
    for (const char c : {'x', 'y'}) {  // the second write finds the first, the platter has neither
      REQUIRE((*file)->pwrite(as_bytes(sectors({c, c})), 0).ok());
    }
    REQUIRE(world.lose(seed).sectors_unsynced == 2);
    seen.insert(world.text("a"));
  }
  CHECK(seen == std::set<std::string>{sectors({'1', '2', '3'}), sectors({'y', '2', '3'}), sectors({'1', 'y', '3'}),
                                      sectors({'y', 'y', '3'})});
}

TEST_CASE("a file that grew or was cut without a sync has its old size or its new one, and old bytes come back") {
  std::set<std::string> grown;
  std::set<std::string> cut;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld world;
    world.put("grown", "old");
    world.put("cut", sectors({'1', '2'}));
    auto file = world.disk().open(world.path("grown"), OpenMode::read_write);
    REQUIRE((*file)->pwrite(as_bytes(" and new"), 3).ok());
    auto other = world.disk().open(world.path("cut"), OpenMode::read_write);
    REQUIRE((*other)->truncate(10).ok());
    world.lose(seed);
    grown.insert(world.text("grown"));
    cut.insert(world.text("cut"));
  }
  CHECK(grown == std::set<std::string>{"old", "old and new", "old" + std::string(8, '\0')});
  // Cutting zeroes the rest of the last block in memory, which may reach the platter before the new size does.
  const std::string tail_zeroed = std::string(10, '1') + std::string(kSectorBytes - 10, '\0') + sectors({'2'});
  CHECK(cut == std::set<std::string>{sectors({'1', '2'}), std::string(10, '1'), tail_zeroed});
}

TEST_CASE("names that were not synced go in the order of a journal, and what they covered comes back") {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld world;
    world.put("settled", "old");
    world.put("gone", "segment");
    auto file = world.make("settled.tmp");
    REQUIRE(file->pwrite(as_bytes("new"), 0).ok());
    REQUIRE(file->fdatasync().ok());
    REQUIRE(world.disk().rename(world.path("settled.tmp"), world.path("settled")).ok());
    REQUIRE(world.disk().remove(world.path("gone")).ok());
    world.lose(seed);
    seen.insert(world.text("settled") + " " + world.text("settled.tmp") + " " + world.text("gone"));
  }
  CHECK(seen ==
        std::set<std::string>{"old nothing segment", "old new segment", "new nothing segment", "new nothing nothing"});
}

TEST_CASE("names that were synced stay, whatever is lost") {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld world;
    world.put("a", "1");
    REQUIRE(world.disk().rename(world.path("a"), world.path("b")).ok());
    REQUIRE(world.disk().fsync_dir(world.files()).ok());
    REQUIRE(world.lose(seed).names_unsynced == 0);
    REQUIRE(world.text("b") == "1");
    REQUIRE(world.text("a") == "nothing");
  }
}

TEST_CASE("a mapped word falls back to any value that it was, and a page without a synced name may be gone") {
  std::set<std::uint64_t> seen;
  std::set<bool> page;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld world;
    {
      auto word = world.disk().map_word(world.path("page"), 1);
      REQUIRE(word.ok());
      if (seed % 2 == 0) REQUIRE(world.disk().fsync_dir(world.files()).ok());
      for (const std::uint64_t value : {7U, 9U}) (*word)->store(value);
    }
    world.lose(seed);
    const auto there = world.disk().exists(world.path("page"));
    REQUIRE((*there || seed % 2 == 1));
    page.insert(*there);
    if (*there) seen.insert((*world.disk().map_word(world.path("page"), 1))->load());
  }
  CHECK(seen == std::set<std::uint64_t>{0, 7, 9});
  CHECK(page.size() == 2);
}

TEST_CASE("a planted sync that does nothing leaves everything to be lost") {
  std::uint64_t sectors_lost = 0;
  std::uint64_t names_lost = 0;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    PowerWorld without_data(Planted::fdatasync);
    without_data.put("a", "1");
    sectors_lost += without_data.lose(seed).sectors_lost;
    PowerWorld without_names(Planted::fsync_dir);
    without_names.put("a", "1");
    names_lost += without_names.lose(seed).names_lost;
  }
  CHECK(sectors_lost > 0);
  CHECK(names_lost > 0);
}

namespace {

constexpr int kCommitsMax = 10'000;

bool run_sql(sqlite3* db, const char* sql) { return sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }

// Commits row after row, with a checkpoint every few, until it is killed. What it says is committed, it has seen
// committed.
[[noreturn]] void commit_and_die(const std::string& path, std::atomic<int>& committed) {
  sqlite3* db = nullptr;
  bool good = sqlite3_open(path.c_str(), &db) == SQLITE_OK;
  good = good && run_sql(db,
                         "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=7;"
                         "CREATE TABLE IF NOT EXISTS said (number INTEGER PRIMARY KEY, text BLOB)");
  for (int i = 0; good && i < kCommitsMax; ++i) {
    good = run_sql(db, "INSERT INTO said (text) VALUES (randomblob(1000))");
    if (good) ++committed;
  }
  _exit(1);
}

enum class Found : std::uint8_t { whole, short_of, damaged };

Found look(const std::string& path, int committed) {
  sqlite3* db = nullptr;
  sqlite3_stmt* asked = nullptr;
  Found found = Found::damaged;
  const char* sql = "SELECT (SELECT integrity_check FROM pragma_integrity_check(1)), COUNT(*) FROM said";
  if (sqlite3_open(path.c_str(), &db) == SQLITE_OK && sqlite3_prepare_v2(db, sql, -1, &asked, nullptr) == SQLITE_OK &&
      sqlite3_step(asked) == SQLITE_ROW &&
      std::string_view(reinterpret_cast<const char*>(sqlite3_column_text(asked, 0))) == "ok") {
    found = sqlite3_column_int(asked, 1) >= committed ? Found::whole : Found::short_of;
  }
  sqlite3_finalize(asked);
  sqlite3_close(db);
  return found;
}

// The database after a loss of power in the middle of its life, and after another.
std::set<Found> lives_of_a_database(Planted planted, std::uint64_t seeds, Loss* loss) {
  std::set<Found> out;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    PowerWorld world(planted);
    SeededRng random(seed);
    void* page = ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    REQUIRE(page != MAP_FAILED);
    auto* committed = new (page) std::atomic<int>(0);
    for (int life = 0; life < 2; ++life) {
      const pid_t child = ::fork();
      if (child == 0) commit_and_die(world.path("db"), *committed);
      REQUIRE(child > 0);
      const int enough = committed->load() + static_cast<int>(1 + random.below(12));
      int status = 0;
      pid_t ended = 0;
      while (ended == 0 && committed->load() < enough) {
        ::usleep(200);
        ended = ::waitpid(child, &status, WNOHANG);
      }
      ::usleep(static_cast<useconds_t>(random.below(2'000)));
      if (ended == 0) {
        ::kill(child, SIGKILL);
        REQUIRE(::waitpid(child, &status, 0) == child);
      }
      const bool good = WIFSIGNALED(status);
      *loss += world.lose(2 * seed + static_cast<std::uint64_t>(life));
      const Found found = good ? look(world.path("db"), committed->load()) : Found::damaged;
      out.insert(found);
      if (found != Found::whole) break;
    }
    ::munmap(page, sizeof(std::atomic<int>));
  }
  return out;
}

}  // namespace

TEST_CASE("what SQLite committed survives any loss of power, and what it did not sync goes") {
  Loss loss;
  CHECK(lives_of_a_database(Planted::none, 16, &loss) == std::set<Found>{Found::whole});
  CHECK(loss.sectors_lost > 0);
}

TEST_CASE("a database that is not synced loses commits or is damaged") {
  Loss loss;
  const std::set<Found> found = lives_of_a_database(Planted::sqlite_sync, 16, &loss);
  CHECK(found.contains(Found::short_of));
  CHECK(found.contains(Found::damaged));
}

TEST_CASE("half an event of a killed process is passed over and the next one is read") {
  const test::TempDir dir("power");
  const std::string file = dir / "events";
  Event event;
  event.kind = EventKind::created;
  event.path = "/somewhere";
  auto log = EventLog::open(file);
  REQUIRE(log.ok());
  REQUIRE(log->append(event).ok());
  const std::string whole = *os::read_file(file);
  for (std::size_t half = 1; half < whole.size(); ++half) {
    REQUIRE(os::write_file_atomic(file, whole.substr(0, half) + whole, 0600).ok());
    const auto events = read_events(file);
    REQUIRE(events.ok());
    REQUIRE(events->size() == 1);
    REQUIRE(events->front().path == "/somewhere");
  }
}
