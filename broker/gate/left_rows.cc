#include "broker/gate/left_rows.h"

namespace wayside::broker::gate {
namespace {

// An addition to version 1: a process that does not know the table leaves it alone. `reason` is NULL where a death left
// it; the column came later.
constexpr const char* kTable =
    "CREATE TABLE IF NOT EXISTS left_online (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID";
constexpr const char* kHasReason = "SELECT COUNT(*) FROM pragma_table_info('left_online') WHERE name = 'reason'";
constexpr const char* kAddReason = "ALTER TABLE left_online ADD COLUMN reason TEXT";
constexpr const char* kTakeOver = R"(
DELETE FROM left_online WHERE id NOT IN (SELECT id FROM session);
INSERT OR REPLACE INTO left_online (id, epoch) SELECT id, epoch FROM session WHERE ended_ms IS NULL;
)";

Result<void> execute(sqlite3* db, const char* sql) {
  if (sqlite3_exec(db, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return Error{Fault::io, sqlite3_errmsg(db)};
}

}  // namespace

Result<void> LeftRows::prepare(sqlite3* db) {
  Result<void> outcome = execute(db, kTable);
  bool has_reason = false;
  if (outcome.ok()) {
    Statement asked(db, kHasReason);
    has_reason = asked.step(outcome) && asked.integer(0) != 0;
  }
  if (outcome.ok() && !has_reason) outcome = execute(db, kAddReason);
  if (outcome.ok()) outcome = execute(db, kTakeOver);
  if (!outcome.ok()) return outcome;
  erase_ = Statement(db, "DELETE FROM left_online WHERE id = ?");
  erase_epoch_ = Statement(db, "DELETE FROM left_online WHERE id = ? AND epoch = ?");
  add_ = Statement(db, "INSERT OR REPLACE INTO left_online (id, epoch, reason) VALUES (?, ?, ?)");
  some_ =
      Statement(db, "SELECT id, epoch, reason FROM left_online WHERE ?2 OR reason IS NOT NULL ORDER BY id LIMIT ?1");
  return {};
}

void LeftRows::came_back(const std::string& id, Result<void>& outcome) {
  if (any_) erase_.bind(1, id).run(outcome);
}

void LeftRows::told(const session::LeftOnline& one, Result<void>& outcome) {
  erase_epoch_.bind(1, one.id).bind(2, static_cast<std::int64_t>(one.epoch)).run(outcome);
}

void LeftRows::untold(const session::LeftOnline& one, Result<void>& outcome) {
  any_ = true;
  add_.bind(1, one.id).bind(2, static_cast<std::int64_t>(one.epoch)).bind(3, code(one.reason)).run(outcome);
}

std::vector<session::LeftOnline> LeftRows::some(std::size_t max, bool also_by_death, Result<void>& outcome) {
  std::vector<session::LeftOnline> out;
  some_.bind(1, static_cast<std::int64_t>(max)).bind(2, also_by_death ? 1 : 0);
  while (some_.step(outcome)) {
    session::LeftOnline one{.id = some_.text(0), .epoch = static_cast<std::uint64_t>(some_.integer(1))};
    // A reason of a later release is one that this one cannot say.
    if (!some_.is_null(2)) one.reason = parse_reason(some_.text(2)).value_or(Reason::CONNECTION_LOST);
    out.push_back(std::move(one));
  }
  if (outcome.ok() && also_by_death) any_ = !out.empty();
  return out;
}

}  // namespace wayside::broker::gate
