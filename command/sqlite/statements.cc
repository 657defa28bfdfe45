#include "command/sqlite/statements.h"

namespace wayside::command::sqlite {
namespace {

#define WAYSIDE_COMMAND_COLUMNS                                                                           \
  "sequence, vehicle, id, issuer, grant_key, grant_serial, command_group, what, supersede_key, counter, " \
  "deadline_ms, accepted_ms, request, state, version, reason, ack_next, acks"

constexpr const char* kLease = "SELECT holder, epoch FROM lease WHERE vehicle = ?1";
constexpr const char* kPutLease = "INSERT OR REPLACE INTO lease VALUES (?1, ?2, ?3)";
constexpr const char* kDropLease = "DELETE FROM lease WHERE vehicle = ?1 AND epoch = ?2";
constexpr const char* kFind = "SELECT " WAYSIDE_COMMAND_COLUMNS " FROM command WHERE vehicle = ?1 AND id = ?2";
constexpr const char* kPutCommand =
    "INSERT INTO command (vehicle, id, issuer, grant_key, grant_serial, command_group, what, supersede_key, counter, "
    "deadline_ms, accepted_ms, request, state, version, reason, ack_next, acks) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
constexpr const char* kMove =
    "UPDATE command SET state = ?1, version = ?2, reason = ?3, ack_next = max(ack_next, ?4), acks = max(acks, ?5) "
    "WHERE vehicle = ?6 AND id = ?7 AND version = ?8";
constexpr const char* kPending = "SELECT " WAYSIDE_COMMAND_COLUMNS
                                 " FROM command WHERE state < 5 AND sequence > ?1 AND deadline_ms <= ?3 "
                                 "ORDER BY sequence LIMIT ?2";
constexpr const char* kPendingOf = "SELECT " WAYSIDE_COMMAND_COLUMNS
                                   " FROM command WHERE vehicle = ?4 AND state < 5 AND sequence > ?1 "
                                   "AND deadline_ms <= ?3 ORDER BY sequence LIMIT ?2";
constexpr const char* kPendingDue = "SELECT " WAYSIDE_COMMAND_COLUMNS
                                    " FROM command INDEXED BY command_due WHERE state < 5 AND deadline_ms <= ?3 "
                                    "AND sequence > ?1 ORDER BY sequence LIMIT ?2";
constexpr const char* kPurge =
    "DELETE FROM command WHERE sequence IN (SELECT sequence FROM command WHERE state >= 5 AND deadline_ms < ?1 "
    "ORDER BY deadline_ms LIMIT ?2) RETURNING length(request)";
constexpr const char* kClose =
    "UPDATE mark SET value = value + coalesce((SELECT length(request) + ?1 FROM command "
    "WHERE vehicle = ?2 AND id = ?3 AND state < 5), 0) WHERE name = 'closed_bytes'";
constexpr const char* kShrink = "UPDATE mark SET value = max(0, value - ?1) WHERE name = 'closed_bytes'";
constexpr const char* kPutStatus =
    "INSERT INTO status (vehicle, id, version, state, reason, command_group, what, deadline_ms, at_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
constexpr const char* kDropStatus = "DELETE FROM status WHERE vehicle = ?1 AND id = ?2 AND version = ?3";
constexpr const char* kOutbox =
    "SELECT sequence, vehicle, id, version, state, reason, command_group, what, deadline_ms, at_ms FROM status "
    "WHERE sequence > ?1 ORDER BY sequence LIMIT ?2";
constexpr const char* kCounter =
    "SELECT highest FROM counter WHERE issuer = ?1 AND vehicle = ?2 AND supersede_key = ?3";
constexpr const char* kPutCounter = "INSERT OR REPLACE INTO counter VALUES (?1, ?2, ?3, ?4)";
constexpr const char* kListNumber = "SELECT number FROM list WHERE kind = ?1 AND key = ?2";
constexpr const char* kPutList = "INSERT OR REPLACE INTO list VALUES (?1, ?2, ?3, ?4)";
constexpr const char* kLists = "SELECT kind, key, number, framed FROM list ORDER BY kind, key";
constexpr const char* kMark = "SELECT value FROM mark WHERE name = ?1";
constexpr const char* kRaise = "UPDATE mark SET value = max(value, ?1) WHERE name = ?2";

#undef WAYSIDE_COMMAND_COLUMNS

}  // namespace

Result<std::shared_ptr<Rows::Statements>> Rows::Statements::prepare(Database& database) {
  auto out = std::make_shared<Statements>();
  const std::pair<Statement*, const char*> all[] = {
      {&out->lease, kLease},
      {&out->put_lease, kPutLease},
      {&out->drop_lease, kDropLease},
      {&out->find, kFind},
      {&out->put_command, kPutCommand},
      {&out->move, kMove},
      {&out->pending, kPending},
      {&out->pending_of, kPendingOf},
      {&out->pending_due, kPendingDue},
      {&out->purge, kPurge},
      {&out->put_status, kPutStatus},
      {&out->drop_status, kDropStatus},
      {&out->outbox, kOutbox},
      {&out->counter, kCounter},
      {&out->put_counter, kPutCounter},
      {&out->list_number, kListNumber},
      {&out->put_list, kPutList},
      {&out->lists, kLists},
      {&out->mark, kMark},
      {&out->raise, kRaise},
      {&out->close, kClose},
      {&out->shrink, kShrink},
  };
  for (const auto& [statement, sql] : all) {
    auto prepared = database.prepare(sql);
    if (!prepared) return std::move(prepared).error();
    *statement = std::move(prepared).value();
  }
  return out;
}

}  // namespace wayside::command::sqlite
