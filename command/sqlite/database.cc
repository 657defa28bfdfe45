#include "command/sqlite/database.h"

#include <sqlite3.h>

namespace wayside::command::sqlite {

void CloseDatabase::operator()(sqlite3* database) const { sqlite3_close(database); }
void FinalizeStatement::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

// Every 64-bit value goes through as its two's complement: comparisons in SQL are signed, so values that
// are compared there (offsets, counters) are kept below 2^63 by their callers.
Statement& Statement::bind(int at, std::uint64_t value) { return bind(at, static_cast<std::int64_t>(value)); }

Statement& Statement::bind(int at, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), at, value);
  return *this;
}

Statement& Statement::bind(int at, std::string_view text) {
  sqlite3_bind_text(statement_.get(), at, text.data() != nullptr ? text.data() : "", static_cast<int>(text.size()),
                    SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind_blob(int at, ByteView bytes) {
  sqlite3_bind_blob(statement_.get(), at, bytes.data(), static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
  return *this;
}

StepOutcome Statement::step() {
  switch (sqlite3_step(statement_.get())) {
    case SQLITE_ROW: return StepOutcome::row;
    case SQLITE_DONE: return StepOutcome::done;
    default: return StepOutcome::failed;
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

std::uint64_t Statement::integer(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
}

std::string Statement::text(int column) const { return std::string(as_text(blob(column))); }

ByteView Statement::blob(int column) const {
  const void* bytes = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {static_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(size)};
}

Result<Database> Database::open(const std::string& path) {
  Database out;
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int opened = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  out.database_.reset(raw);
  if (opened != SQLITE_OK) return out.error("open " + path);
  sqlite3_busy_timeout(raw, 1000);
  for (const char* pragma : {"PRAGMA locking_mode=EXCLUSIVE", "PRAGMA synchronous=FULL"}) {
    if (auto set = out.run(pragma); !set) return std::move(set).error().with("open " + path);
  }
  return out;
}

Result<void> Database::use_write_ahead_log() {
  const auto mode = ask("PRAGMA journal_mode=WAL");
  if (!mode) return Error(mode.error());
  if (*mode != "wal") return Error{Fault::unsupported, "the file system does not carry a write-ahead log"};
  return {};
}

Error Database::error(const std::string& doing) const {
  const int code = database_ ? sqlite3_errcode(database_.get()) : SQLITE_NOMEM;
  Error out{Fault::io, doing + ": " + (database_ ? sqlite3_errmsg(database_.get()) : "out of memory")};
  switch (code & 0xFF) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: out.fault = Fault::corrupt; break;
    case SQLITE_FULL: out.fault = Fault::no_space; break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED: out.fault = Fault::locked; break;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH: out.fault = Fault::denied; break;
    default: break;
  }
  if (database_) out.os_errno = sqlite3_system_errno(database_.get());
  return out;
}

Result<void> Database::run(const std::string& sql) {
  if (sqlite3_exec(database_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return error(sql);
  return {};
}

Result<Statement> Database::prepare(const std::string& sql) {
  sqlite3_stmt* raw = nullptr;
  const int made = sqlite3_prepare_v3(database_.get(), sql.c_str(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  Statement out(raw);
  if (made != SQLITE_OK) return error("prepare " + sql);
  return out;
}

Result<std::string> Database::ask(const std::string& sql) {
  auto statement = prepare(sql);
  if (!statement) return std::move(statement).error();
  switch (statement->step()) {
    case StepOutcome::row: return statement->text(0);
    case StepOutcome::done: return Error{Fault::corrupt, sql + ": no row"};
    case StepOutcome::failed: break;
  }
  return error(sql);
}

std::uint64_t Database::last_row() const {
  return static_cast<std::uint64_t>(sqlite3_last_insert_rowid(database_.get()));
}
int Database::changes() const { return sqlite3_changes(database_.get()); }
bool Database::in_transaction() const { return sqlite3_get_autocommit(database_.get()) == 0; }

}  // namespace wayside::command::sqlite
