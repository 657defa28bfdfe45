#include "broker/gate/left_rows.h"

namespace wayside::broker::gate {
namespace {

// An addition to version 1: a process that does not know the table leaves it alone.
constexpr const char* kSchema = R"(
CREATE TABLE IF NOT EXISTS left_online (id TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
DELETE FROM left_online WHERE id NOT IN (SELECT id FROM session);
INSERT OR REPLACE INTO left_online SELECT id, epoch FROM session WHERE ended_ms IS NULL;
)";

}  // namespace

Result<void> LeftRows::prepare(sqlite3* db) {
  if (sqlite3_exec(db, kSchema, nullptr, nullptr, nullptr) != SQLITE_OK) return Error{Fault::io, sqlite3_errmsg(db)};
  erase_ = Statement(db, "DELETE FROM left_online WHERE id = ?");
  erase_epoch_ = Statement(db, "DELETE FROM left_online WHERE id = ? AND epoch = ?");
  some_ = Statement(db, "SELECT id, epoch FROM left_online ORDER BY id LIMIT ?");
  return {};
}

void LeftRows::came_back(const std::string& id, Result<void>& outcome) {
  if (any_) erase_.bind(1, id).run(outcome);
}

void LeftRows::told(const session::LeftOnline& one, Result<void>& outcome) {
  erase_epoch_.bind(1, one.id).bind(2, static_cast<std::int64_t>(one.epoch)).run(outcome);
}

std::vector<session::LeftOnline> LeftRows::some(std::size_t max, Result<void>& outcome) {
  std::vector<session::LeftOnline> out;
  some_.bind(1, static_cast<std::int64_t>(max));
  while (some_.step(outcome)) out.push_back({some_.text(0), static_cast<std::uint64_t>(some_.integer(1))});
  if (outcome.ok()) any_ = !out.empty();
  return out;
}

}  // namespace wayside::broker::gate
