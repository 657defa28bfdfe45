// SQLite behind small owners: a connection, prepared statements that are reset by scope.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/types.h"

struct sqlite3;
struct sqlite3_stmt;

namespace wayside::command::sqlite {

struct CloseDatabase {
  void operator()(sqlite3* database) const;
};
struct FinalizeStatement {
  void operator()(sqlite3_stmt* statement) const;
};

enum class StepOutcome : std::uint8_t { row, done, failed };

// Owns one prepared statement. Thread: the connection's. Bind counts from 1, columns from 0.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  Statement& bind(int at, std::uint64_t value);
  Statement& bind(int at, std::int64_t value);
  Statement& bind(int at, std::string_view text);
  Statement& bind_blob(int at, ByteView bytes);
  StepOutcome step();
  void reset();

  [[nodiscard]] std::uint64_t integer(int column) const;
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] ByteView blob(int column) const;  // until the next step

 private:
  std::unique_ptr<sqlite3_stmt, FinalizeStatement> statement_;
};

// Resets a statement when its use ends, so that no read holds a transaction open.
class Use {
 public:
  explicit Use(Statement& statement) : statement_(statement) { statement_.reset(); }
  ~Use() { statement_.reset(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;
  Statement* operator->() { return &statement_; }

 private:
  Statement& statement_;
};

// Owns one connection: synchronous=FULL, exclusive lock. Thread: one at a time.
class Database {
 public:
  static Result<Database> open(const std::string& path);
  // Changes the file: only after it is known to be ours.
  Result<void> use_write_ahead_log();
  Result<void> run(const std::string& sql);
  Result<Statement> prepare(const std::string& sql);
  // First column of the first row; fault corrupt if there is none.
  Result<std::string> ask(const std::string& sql);
  [[nodiscard]] Error error(const std::string& doing) const;
  [[nodiscard]] std::uint64_t last_row() const;
  [[nodiscard]] int changes() const;
  [[nodiscard]] bool in_transaction() const;

 private:
  std::unique_ptr<sqlite3, CloseDatabase> database_;
};

}  // namespace wayside::command::sqlite
