#include "bench/record_store.h"

#include <sqlite3.h>

#include <cstring>

#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "spool/lane.h"

namespace wayside::bench {
namespace {

constexpr std::size_t kReadRecords = 1024;
constexpr std::uint64_t kReadBytes = 1U << 20U;
constexpr std::uint64_t kLaneBytesMax = 16ULL << 30U;

void add(ReadSum& sum, ByteView body) {
  ++sum.records;
  sum.bytes += body.size();
  // By words: a sum by bytes costs more than either read, and would hide what is measured.
  for (; body.size() >= sizeof(std::uint64_t); body = body.subspan(sizeof(std::uint64_t))) {
    std::uint64_t word = 0;
    std::memcpy(&word, body.data(), sizeof word);
    sum.sum += word;
  }
  for (const std::uint8_t byte : body) sum.sum += byte;
}

class SpoolStore final : public RecordStore {
 public:
  Result<void> open(const std::string& dir) {
    disk_ = os::make_posix_disk();
    options_.dir = dir + "/state";
    options_.uuid = os::random_uuid();
    options_.lane_bytes_max = kLaneBytesMax;
    auto writer = spool::LaneWriter::open(*disk_, options_, {}, nullptr);
    if (!writer) return std::move(writer).error();
    writer_ = std::move(writer).value();
    return {};
  }

  Result<void> append(ByteView body, std::uint64_t count) override {
    const WallMs now = clock_.wall();
    for (std::uint64_t i = 0; i < count; ++i) {
      Offset offset;
      if (writer_->append(body, "bench", now, &offset) != spool::AppendOutcome::appended) {
        return Error{Fault::no_space, "the lane is full", 0};
      }
    }
    auto committed = writer_->commit(now);
    if (!committed) return std::move(committed).error();
    return {};
  }

  Result<ReadSum> read_all() override {
    auto reader = spool::LaneReader::open(*disk_, options_.dir, options_.uuid, options_.lane);
    if (!reader) return std::move(reader).error();
    ReadSum sum;
    std::uint64_t lost = 0;
    const auto take = [&](const spool::RecordView& record) {
      lost += record.lost ? 1 : 0;
      add(sum, record.body);
    };
    for (Offset at; at < (*reader)->synced();) {
      auto next = (*reader)->visit(at, kReadRecords, kReadBytes, take);
      if (!next) return std::move(next).error();
      at = *next;
    }
    if (lost > 0) return Error{Fault::corrupt, "a record is lost", 0};
    return sum;
  }

 private:
  std::unique_ptr<Disk> disk_;
  os::SystemClock clock_;
  spool::LaneOptions options_;
  std::unique_ptr<spool::LaneWriter> writer_;
};

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Statement = std::unique_ptr<sqlite3_stmt, FinalizeStatement>;

// One connection that has the file to itself, a write-ahead log, and a sync at every commit.
class SqliteStore final : public RecordStore {
 public:
  Result<void> open(const std::string& dir) {
    if (auto made = os::make_dirs(dir); !made) return made;
    sqlite3* raw = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    const int opened = sqlite3_open_v2((dir + "/records.db").c_str(), &raw, flags, nullptr);
    database_.reset(raw);
    if (opened != SQLITE_OK) return error("open");
    for (const char* sql : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL",
                            "CREATE TABLE records (offset INTEGER PRIMARY KEY, time INTEGER, body BLOB)"}) {
      if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return error(sql);
    }
    for (auto [statement, sql] : {std::pair{&begin_, "BEGIN"}, std::pair{&commit_, "COMMIT"},
                                  std::pair{&insert_, "INSERT INTO records VALUES (?, ?, ?)"},
                                  std::pair{&select_, "SELECT offset, time, body FROM records ORDER BY offset"}}) {
      sqlite3_stmt* prepared = nullptr;
      if (sqlite3_prepare_v2(database_.get(), sql, -1, &prepared, nullptr) != SQLITE_OK) return error(sql);
      statement->reset(prepared);
    }
    return wal_and_full();
  }

  Result<void> append(ByteView body, std::uint64_t count) override {
    if (auto begun = run(begin_); !begun) return begun;
    const std::int64_t now = clock_.wall().value;
    for (std::uint64_t i = 0; i < count; ++i) {
      sqlite3_bind_int64(insert_.get(), 1, static_cast<std::int64_t>(next_++));
      sqlite3_bind_int64(insert_.get(), 2, now);
      sqlite3_bind_blob(insert_.get(), 3, body.data(), static_cast<int>(body.size()), SQLITE_STATIC);
      if (auto inserted = run(insert_); !inserted) return inserted;
    }
    return run(commit_);
  }

  Result<ReadSum> read_all() override {
    ReadSum sum;
    int step = SQLITE_ROW;
    while ((step = sqlite3_step(select_.get())) == SQLITE_ROW) {
      const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(select_.get(), 2));
      // Where it lies, as the lane's reader gives it: neither side copies.
      add(sum, {bytes, static_cast<std::size_t>(sqlite3_column_bytes(select_.get(), 2))});
    }
    sqlite3_reset(select_.get());
    if (step != SQLITE_DONE) return error("read");
    return sum;
  }

 private:
  [[nodiscard]] Error error(const std::string& doing) const {
    return {Fault::io, "sqlite: " + doing + ": " + sqlite3_errmsg(database_.get()), 0};
  }

  Result<void> run(const Statement& statement) {
    const int step = sqlite3_step(statement.get());
    sqlite3_reset(statement.get());
    if (step != SQLITE_DONE) return error("step");
    return {};
  }

  // A comparison of equals only if the promises are in force.
  Result<void> wal_and_full() {
    for (const auto& [sql, want] : {std::pair{"PRAGMA journal_mode", "wal"}, std::pair{"PRAGMA synchronous", "2"}}) {
      sqlite3_stmt* raw = nullptr;
      if (sqlite3_prepare_v2(database_.get(), sql, -1, &raw, nullptr) != SQLITE_OK) return error(sql);
      const Statement asked(raw);
      if (sqlite3_step(raw) != SQLITE_ROW) return error(sql);
      const std::string is(reinterpret_cast<const char*>(sqlite3_column_text(raw, 0)));
      if (is != want) return Error{Fault::unsupported, std::string(sql) + " is " + is, 0};
    }
    return {};
  }

  std::unique_ptr<sqlite3, CloseDatabase> database_;
  Statement begin_;
  Statement commit_;
  Statement insert_;
  Statement select_;
  os::SystemClock clock_;
  std::uint64_t next_ = 0;
};

template <typename Store>
Result<std::unique_ptr<RecordStore>> open_store(const std::string& dir) {
  auto store = std::make_unique<Store>();
  if (auto opened = store->open(dir); !opened) return std::move(opened).error();
  return std::unique_ptr<RecordStore>(std::move(store));
}

}  // namespace

Result<std::unique_ptr<RecordStore>> open_spool_store(const std::string& dir) { return open_store<SpoolStore>(dir); }
Result<std::unique_ptr<RecordStore>> open_sqlite_store(const std::string& dir) { return open_store<SqliteStore>(dir); }

}  // namespace wayside::bench
