#include "command/sqlite/schema.h"

namespace wayside::command::sqlite {
namespace {

// `mark` holds the numbers that only rise. Rows of `counter` and `list` are for ever: what they refuse must
// stay refused. `status` is the outbox: unconfirmed rows only.
constexpr const char* kTables = R"(
CREATE TABLE command (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  vehicle TEXT NOT NULL, id BLOB NOT NULL,
  issuer BLOB NOT NULL, grant_key BLOB NOT NULL, grant_serial INTEGER NOT NULL,
  command_group TEXT NOT NULL, what TEXT NOT NULL, supersede_key TEXT NOT NULL, counter INTEGER NOT NULL,
  deadline_ms INTEGER NOT NULL, accepted_ms INTEGER NOT NULL, request BLOB NOT NULL,
  state INTEGER NOT NULL, version INTEGER NOT NULL, reason TEXT NOT NULL,
  ack_next INTEGER NOT NULL, acks INTEGER NOT NULL,
  UNIQUE (vehicle, id)
) STRICT;
CREATE INDEX command_open ON command (sequence) WHERE state < 5;
CREATE INDEX command_due ON command (deadline_ms) WHERE state < 5;
CREATE INDEX command_closed ON command (deadline_ms) WHERE state >= 5;
CREATE TABLE lease (vehicle TEXT PRIMARY KEY, holder TEXT NOT NULL, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE status (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  vehicle TEXT NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL,
  state INTEGER NOT NULL, reason TEXT NOT NULL, command_group TEXT NOT NULL, what TEXT NOT NULL,
  deadline_ms INTEGER NOT NULL, at_ms INTEGER NOT NULL,
  UNIQUE (vehicle, id, version)
) STRICT;
CREATE TABLE counter (
  issuer BLOB NOT NULL, vehicle TEXT NOT NULL, supersede_key TEXT NOT NULL, highest INTEGER NOT NULL,
  PRIMARY KEY (issuer, vehicle, supersede_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE list (
  kind INTEGER NOT NULL, key BLOB NOT NULL, number INTEGER NOT NULL, framed BLOB NOT NULL,
  PRIMARY KEY (kind, key)
) STRICT;
CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO mark VALUES ('time_ms', 0), ('applied_ack', 0), ('outbox_next_offset', 0), ('lease_epoch', 0),
  ('counters', 0);
)";

Result<void> create(Database& database) {
  const std::string sql = "BEGIN IMMEDIATE;" + std::string(kTables) +
                          "PRAGMA application_id=" + std::to_string(kApplicationId) +
                          ";PRAGMA user_version=" + std::to_string(kSchemaVersion) + ";COMMIT;";
  return database.run(sql);
}

// An addition to version 1: a release that does not know the table leaves it alone.
constexpr const char* kSpoolTable = "CREATE TABLE IF NOT EXISTS mark_spool (uuid TEXT NOT NULL) STRICT";
constexpr const char* kForgetOffsets = R"(
UPDATE mark SET value = 0 WHERE name IN ('applied_ack', 'outbox_next_offset');
UPDATE command SET ack_next = 0;
)";

std::string move_offsets(Offset common) {
  const std::string by = std::to_string(common.value);
  return "UPDATE mark SET value = max(0, value - " + by +
         ") WHERE name IN ('applied_ack', 'outbox_next_offset');"
         "UPDATE command SET ack_next = max(0, ack_next - " +
         by + ");";
}

}  // namespace

Result<bool> bind_to_spool(Database& database, const SpoolUuid& spool, const std::optional<SpoolShift>& moved) {
  if (auto made = database.run(kSpoolTable); !made) return std::move(made).error();
  const auto kept = database.ask("SELECT coalesce((SELECT uuid FROM mark_spool), '')");
  if (!kept) return kept.error();
  const std::string now = to_string(spool);
  if (*kept == now) return false;
  const bool goes_on = moved && *kept == to_string(moved->from);
  const std::string forget = kept->empty() ? ""
                             : goes_on     ? move_offsets(moved->common[index_of(Lane::ack)])
                                           : std::string(kForgetOffsets);
  auto bound = database.run("BEGIN IMMEDIATE;" + forget + "DELETE FROM mark_spool; INSERT INTO mark_spool VALUES ('" +
                            now + "'); COMMIT;");
  if (!bound) return std::move(bound).error();
  return !kept->empty() && !goes_on;
}

Result<void> prepare_schema(Database& database, const std::string& path) {
  const auto version = database.ask("PRAGMA user_version");
  const auto application = database.ask("PRAGMA application_id");
  const auto tables = database.ask("SELECT count(*) FROM sqlite_schema");
  if (!version) return Error(version.error()).with(path);
  if (!application) return Error(application.error()).with(path);
  if (!tables) return Error(tables.error()).with(path);
  const bool empty = *version == "0" && *application == "0" && *tables == "0";
  if (!empty && *application != std::to_string(kApplicationId)) {
    return Error{Fault::unsupported, path + ": this is not a command store"};
  }
  if (!empty && *version != std::to_string(kSchemaVersion)) {
    return Error{Fault::unsupported, path + ": command store of version " + *version +
                                         ", this release speaks version " + std::to_string(kSchemaVersion)};
  }
  if (auto wal = database.use_write_ahead_log(); !wal) return std::move(wal).error().with(path);
  if (empty) return create(database);
  const auto check = database.ask("PRAGMA quick_check(1)");
  if (!check) return Error(check.error()).with(path);
  if (*check != "ok") return Error{Fault::corrupt, path + ": " + *check};
  return {};
}

}  // namespace wayside::command::sqlite
