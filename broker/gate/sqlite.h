// The few calls of SQLite that the session store makes, with statements that reset themselves.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"

namespace wayside::broker::gate {

// Owns: one prepared statement. Used as: bind by position, step until false, and it resets itself.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* db, const char* sql) : db_(db) { code_ = sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr); }
  Statement(Statement&& other) noexcept { *this = std::move(other); }
  Statement& operator=(Statement&& other) noexcept {
    std::swap(db_, other.db_);
    std::swap(statement_, other.statement_);
    std::swap(code_, other.code_);
    return *this;
  }
  ~Statement() { sqlite3_finalize(statement_); }

  Statement& bind(int at, std::int64_t value) {
    sqlite3_bind_int64(statement_, at, value);
    return *this;
  }
  // The text must outlive the steps.
  Statement& bind(int at, std::string_view text) {
    sqlite3_bind_text(statement_, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  // True: a row is there. At the end or at a fault it resets; `outcome` keeps the first fault.
  bool step(Result<void>& outcome) {
    if (code_ == SQLITE_OK) code_ = sqlite3_step(statement_);
    const bool row = code_ == SQLITE_ROW;
    if (!row && code_ != SQLITE_DONE && outcome.ok()) outcome = Error{Fault::io, sqlite3_errmsg(db_)};
    code_ = SQLITE_OK;
    if (!row) reset();
    return row;
  }
  void run(Result<void>& outcome) {
    while (step(outcome)) {
    }
  }
  void reset() {
    if (statement_ == nullptr) return;  // it was never prepared: step() has said why
    sqlite3_reset(statement_);
    sqlite3_clear_bindings(statement_);
  }
  [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
  [[nodiscard]] bool is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  [[nodiscard]] std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return bytes == nullptr ? std::string()
                            : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
  }

 private:
  sqlite3* db_ = nullptr;
  sqlite3_stmt* statement_ = nullptr;
  int code_ = SQLITE_OK;
};

}  // namespace wayside::broker::gate
