#include "broker/gate/session_rows.h"

#include <algorithm>

namespace wayside::broker::gate {
namespace {

using session::OpenedSession;
using session::StoredSubscription;

// Version 1 of sessions.db. ended_ms is NULL while connected; durable is 0 for a row that keeps an epoch only.
// An unreleased identifier carries the epoch that opened its session last: a release that knows nothing of the table
// opens the session without carrying them, and they are void from then on.
constexpr const char* kSchema = R"(
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS session (
  id TEXT PRIMARY KEY, epoch INTEGER NOT NULL, durable INTEGER NOT NULL, expiry_s INTEGER NOT NULL, ended_ms INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS session_oldest ON session (durable, epoch);
CREATE TABLE IF NOT EXISTS subscription (
  id TEXT NOT NULL, filter TEXT NOT NULL, qos INTEGER NOT NULL, no_local INTEGER NOT NULL,
  retain_as_published INTEGER NOT NULL, PRIMARY KEY (id, filter)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS unreleased (
  id TEXT NOT NULL, packet_id INTEGER NOT NULL, epoch INTEGER NOT NULL, PRIMARY KEY (id, packet_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
INSERT OR IGNORE INTO meta VALUES ('version', 1);
INSERT OR IGNORE INTO meta VALUES ('epoch_floor', 0);
)";
constexpr std::int64_t kVersion = 1;
constexpr std::int64_t kMsPerSecond = 1'000;

std::string known_name(Lane lane) { return std::string("receipts_known_") + to_string(lane); }

}  // namespace

Result<std::unique_ptr<SessionRows>> SessionRows::open_file(const std::string& path, std::uint32_t sessions_max,
                                                            WallMs now) {
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  std::unique_ptr<SessionRows> rows(new SessionRows(db, sessions_max));
  if (code != SQLITE_OK) return Error{Fault::io, path + ": " + sqlite3_errmsg(db)};
  if (Result<void> intact = rows->check(); !intact.ok()) return std::move(intact).error().with(path);
  Result<void> prepared = rows->prepare(now);
  if (!prepared.ok()) return std::move(prepared).error().with(path);
  return rows;
}

SessionRows::~SessionRows() {
  for (Statement* statement :
       {&find_, &upsert_, &end_, &subscriptions_, &erase_subscriptions_, &add_subscription_, &oldest_, &erase_row_,
        &set_floor_, &unreleased_, &carry_unreleased_, &erase_unreleased_, &add_unreleased_, &release_, &set_known_}) {
    *statement = Statement();
  }
  left_ = LeftRows();
  sqlite3_close_v2(db_);
}

Result<void> SessionRows::execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return Error{Fault::io, sqlite3_errmsg(db_)};
}

// All pages, before anything is believed or written: a page that only some vehicles meet would refuse them one by one.
Result<void> SessionRows::check() {
  Result<void> outcome;
  Statement pages(db_, "PRAGMA quick_check(1)");
  std::string verdict;
  if (pages.step(outcome)) verdict = pages.text(0);
  if (outcome.ok() && verdict == "ok") return {};
  const int code = sqlite3_errcode(db_);
  const bool damaged = outcome.ok() || code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
  return Error{damaged ? Fault::corrupt : Fault::io,
               (outcome.ok() ? verdict : outcome.error().what) +
                   (damaged ? "; without this file vehicles subscribe again, commands wait for that" : "")};
}

Result<void> SessionRows::begin() {
  committed_ = now_;
  return execute("BEGIN IMMEDIATE");
}

void SessionRows::rollback() {
  sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);  // fails when there is no transaction: nothing to undo
  left_.reset();
  now_ = committed_;
}

Result<void> SessionRows::prepare(WallMs now) {
  Result<void> outcome = execute(kSchema);
  if (!outcome.ok()) return outcome;
  Statement version(db_, "SELECT value FROM meta WHERE name = 'version'");
  if (version.step(outcome) && version.integer(0) > kVersion) {
    return Error{Fault::unsupported, "sessions of a newer version"};
  }
  version.reset();
  if (Result<void> left = left_.prepare(db_); !left.ok()) return left;
  Statement ended(db_, "UPDATE session SET ended_ms = ? WHERE ended_ms IS NULL");
  ended.bind(1, now.value).run(outcome);
  find_ = Statement(db_, "SELECT epoch, durable, expiry_s, ended_ms FROM session WHERE id = ?");
  upsert_ = Statement(db_,
                      "INSERT INTO session VALUES (?1, ?2, ?3, ?4, NULL) ON CONFLICT (id) DO UPDATE SET "
                      "epoch = ?2, durable = ?3, expiry_s = ?4, ended_ms = NULL");
  end_ = Statement(db_, "UPDATE session SET durable = ?3, expiry_s = ?4, ended_ms = ?5 WHERE id = ?1 AND epoch = ?2");
  subscriptions_ = Statement(
      db_, "SELECT filter, qos, no_local, retain_as_published FROM subscription WHERE id = ? ORDER BY filter");
  erase_subscriptions_ = Statement(db_, "DELETE FROM subscription WHERE id = ?");
  add_subscription_ = Statement(db_, "INSERT INTO subscription VALUES (?, ?, ?, ?, ?)");
  oldest_ = Statement(db_, "SELECT id, epoch FROM session WHERE durable = 0 ORDER BY epoch LIMIT 1");
  erase_row_ = Statement(db_, "DELETE FROM session WHERE id = ?");
  set_floor_ = Statement(db_, "UPDATE meta SET value = ? WHERE name = 'epoch_floor'");
  unreleased_ = Statement(db_, "SELECT packet_id FROM unreleased WHERE id = ? AND epoch = ? ORDER BY packet_id");
  carry_unreleased_ = Statement(db_, "UPDATE unreleased SET epoch = ?2 WHERE id = ?1");
  erase_unreleased_ = Statement(db_, "DELETE FROM unreleased WHERE id = ?");
  add_unreleased_ = Statement(db_, "INSERT OR REPLACE INTO unreleased VALUES (?, ?, ?)");
  release_ = Statement(db_, "DELETE FROM unreleased WHERE id = ? AND packet_id = ?");
  set_known_ = Statement(db_, "INSERT OR REPLACE INTO meta VALUES (?, ?)");
  recount(outcome);
  return outcome;
}

Result<bool> SessionRows::bind_to_spool(const SpoolUuid& spool, const std::optional<SpoolShift>& moved) {
  const std::string now = to_string(spool);
  Result<void> outcome = begin();
  if (!outcome.ok()) return std::move(outcome).error();
  Statement read(db_, "SELECT value FROM meta WHERE name = 'spool_uuid'");
  std::string kept;
  if (read.step(outcome)) kept = read.text(0);
  read.reset();
  const bool goes_on = moved && kept == to_string(moved->from);
  const bool other = !kept.empty() && kept != now && !goes_on;
  for (const Lane lane : kAllLanes) {
    const std::optional<Offset> known = known_below(lane);
    if (goes_on && known) set_known_below(lane, moved->moved(lane, *known), outcome);
    if (other) set_known_below(lane, {}, outcome);
  }
  Statement(db_, "INSERT OR REPLACE INTO meta VALUES ('spool_uuid', ?)").bind(1, now).run(outcome);
  if (outcome.ok()) outcome = commit();
  if (outcome.ok()) return other;
  rollback();
  return std::move(outcome).error();
}

void SessionRows::recount(Result<void>& outcome) {
  Statement count(
      db_,
      "SELECT COUNT(*), COALESCE(SUM(durable), 0), (SELECT value FROM meta WHERE name = 'epoch_floor') FROM session");
  if (!count.step(outcome)) return;
  now_.rows = static_cast<std::uint64_t>(count.integer(0));
  now_.durable = static_cast<std::uint64_t>(count.integer(1));
  now_.floor = static_cast<std::uint64_t>(count.integer(2));
  count.reset();
  for (const Lane lane : kAllLanes) {
    const std::string name = known_name(lane);
    Statement known(db_, "SELECT value FROM meta WHERE name = ?");
    now_.known_below.at(index_of(lane)).reset();
    if (!known.bind(1, name).step(outcome)) continue;
    now_.known_below.at(index_of(lane)) = Offset{static_cast<std::uint64_t>(known.integer(0))};
    known.reset();
  }
}

SessionRows::Row SessionRows::find(const session::OpenRequest& request, Result<void>& outcome) {
  Row row;
  if (!find_.bind(1, request.id).step(outcome)) return row;
  row.found = true;
  row.epoch = static_cast<std::uint64_t>(find_.integer(0));
  row.durable = find_.integer(1) != 0;
  const bool connected = find_.is_null(3);
  const bool expired = !connected && find_.integer(3) + find_.integer(2) * kMsPerSecond <= request.now.value;
  row.alive = row.durable && !expired;
  find_.reset();
  return row;
}

// Sessions that have expired give way first; a session that lives is never thrown out for another.
bool SessionRows::room_for(const Row& row, const session::OpenRequest& request, Result<void>& outcome) {
  if (request.expiry_s == 0 || row.durable || now_.durable < sessions_max_) return true;
  forget_expired(request.now, outcome);
  return now_.durable < sessions_max_;
}

void SessionRows::forget_expired(WallMs now, Result<void>& outcome) {
  constexpr const char* kExpired = "durable = 1 AND ended_ms IS NOT NULL AND ended_ms + expiry_s * 1000 <= ?";
  const std::string erase =
      std::string("DELETE FROM subscription WHERE id IN (SELECT id FROM session WHERE ") + kExpired + ")";
  Statement(db_, erase.c_str()).bind(1, now.value).run(outcome);
  const std::string free =
      std::string("DELETE FROM unreleased WHERE id IN (SELECT id FROM session WHERE ") + kExpired + ")";
  Statement(db_, free.c_str()).bind(1, now.value).run(outcome);
  const std::string close = std::string("UPDATE session SET durable = 0 WHERE ") + kExpired;
  Statement(db_, close.c_str()).bind(1, now.value).run(outcome);
  recount(outcome);
}

Outcome<OpenedSession> SessionRows::open(const session::OpenRequest& request, Result<void>& outcome) {
  const Row row = find(request, outcome);
  if (!room_for(row, request, outcome)) return Reason::TOO_MANY_SESSIONS;
  OpenedSession opened;
  const std::uint64_t last = row.found ? row.epoch : now_.floor;
  opened.epoch = std::max(last + 1, static_cast<std::uint64_t>(std::max<std::int64_t>(0, request.now.value)));
  opened.present = row.alive && !request.clean_start;
  const bool durable = request.expiry_s > 0;
  upsert_.bind(1, request.id).bind(2, static_cast<std::int64_t>(opened.epoch)).bind(3, durable ? 1 : 0);
  upsert_.bind(4, request.expiry_s).run(outcome);
  now_.rows += row.found ? 0 : 1;
  now_.durable += durable ? 1 : 0;
  now_.durable -= row.found && row.durable ? 1 : 0;
  left_.came_back(request.id, outcome);
  if (!opened.present || !durable) {
    erase_subscriptions(request.id, outcome);
    erase_unreleased(request.id, outcome);
  } else {
    opened.unreleased = carry_unreleased(request.id, last, opened.epoch, outcome);
  }
  subscriptions_.bind(1, request.id);
  while (subscriptions_.step(outcome)) {
    opened.subscriptions.push_back({subscriptions_.text(0), static_cast<std::uint8_t>(subscriptions_.integer(1)),
                                    subscriptions_.integer(2) != 0, subscriptions_.integer(3) != 0});
  }
  bound_rows(outcome);
  return opened;
}

std::optional<session::KnownSession> SessionRows::known(const std::string& id, Result<void>& outcome) {
  find_.bind(1, id);
  if (!find_.step(outcome)) return std::nullopt;
  session::KnownSession known;
  known.epoch = static_cast<std::uint64_t>(find_.integer(0));
  known.durable = find_.integer(1) != 0;
  known.expiry_s = static_cast<std::uint32_t>(find_.integer(2));
  if (!find_.is_null(3)) known.ended = WallMs{find_.integer(3)};
  find_.reset();
  subscriptions_.bind(1, id);
  while (subscriptions_.step(outcome)) ++known.subscriptions;
  return known;
}

void SessionRows::bound_rows(Result<void>& outcome) {
  while (outcome.ok() && now_.rows > std::uint64_t{sessions_max_} * 2) {
    if (!oldest_.step(outcome)) return;
    const std::string id = oldest_.text(0);
    now_.floor = std::max(now_.floor, static_cast<std::uint64_t>(oldest_.integer(1)));
    oldest_.reset();
    erase_row_.bind(1, id).run(outcome);
    set_floor_.bind(1, static_cast<std::int64_t>(now_.floor)).run(outcome);
    --now_.rows;
  }
}

void SessionRows::erase_subscriptions(const std::string& id, Result<void>& outcome) {
  erase_subscriptions_.bind(1, id).run(outcome);
}

// The session is durable and was opened last with this epoch.
bool SessionRows::current(const std::string& id, std::uint64_t epoch, Result<void>& outcome) {
  const bool found = find_.bind(1, id).step(outcome) && static_cast<std::uint64_t>(find_.integer(0)) == epoch;
  const bool durable = found && find_.integer(1) != 0;
  find_.reset();
  return durable;
}

void SessionRows::untold(const session::LeftOnline& one, Result<void>& outcome) {
  const bool last = find_.bind(1, one.id).step(outcome) && static_cast<std::uint64_t>(find_.integer(0)) == one.epoch;
  find_.reset();
  if (last) left_.untold(one, outcome);
}

std::vector<std::uint16_t> SessionRows::carry_unreleased(const std::string& id, std::uint64_t last, std::uint64_t epoch,
                                                         Result<void>& outcome) {
  std::vector<std::uint16_t> ids;
  unreleased_.bind(1, id).bind(2, static_cast<std::int64_t>(last));
  while (unreleased_.step(outcome)) ids.push_back(static_cast<std::uint16_t>(unreleased_.integer(0)));
  if (ids.empty()) {
    erase_unreleased(id, outcome);
  } else {
    carry_unreleased_.bind(1, id).bind(2, static_cast<std::int64_t>(epoch)).run(outcome);
  }
  return ids;
}

void SessionRows::received(const session::Receipt& receipt, Result<void>& outcome) {
  if (const std::optional<Offset> known = known_below(receipt.lane); known && receipt.offset < *known) return;
  if (current(receipt.id, receipt.epoch, outcome)) {
    add_unreleased_.bind(1, receipt.id).bind(2, receipt.packet_id);
    add_unreleased_.bind(3, static_cast<std::int64_t>(receipt.epoch)).run(outcome);
  }
  set_known_below(receipt.lane, receipt.offset + 1, outcome);
}

Outcome<void> SessionRows::release(const session::ReleaseRequest& request, Result<void>& outcome) {
  if (!current(request.id, request.epoch, outcome)) return Reason::STORE_FAULT;
  release_.bind(1, request.id).bind(2, request.packet_id).run(outcome);
  return {};
}

void SessionRows::set_known_below(Lane lane, Offset offset, Result<void>& outcome) {
  const std::string name = known_name(lane);
  set_known_.bind(1, name).bind(2, static_cast<std::int64_t>(offset.value)).run(outcome);
  now_.known_below.at(index_of(lane)) = offset;
}

Outcome<void> SessionRows::save(const session::SaveRequest& request, Result<void>& outcome) {
  const bool current =
      find_.bind(1, request.id).step(outcome) && static_cast<std::uint64_t>(find_.integer(0)) == request.epoch;
  find_.reset();
  if (!current) return Reason::STORE_FAULT;
  erase_subscriptions(request.id, outcome);
  for (const StoredSubscription& one : request.subscriptions) {
    add_subscription_.bind(1, request.id).bind(2, one.filter).bind(3, one.qos).bind(4, one.no_local ? 1 : 0);
    add_subscription_.bind(5, one.retain_as_published ? 1 : 0).run(outcome);
  }
  return {};
}

void SessionRows::end(const session::EndRequest& request, Result<void>& outcome) {
  const bool current =
      find_.bind(1, request.id).step(outcome) && static_cast<std::uint64_t>(find_.integer(0)) == request.epoch;
  const bool was_durable = current && find_.integer(1) != 0;
  find_.reset();
  if (!current) return;
  const bool durable = was_durable && request.expiry_s > 0;
  end_.bind(1, request.id).bind(2, static_cast<std::int64_t>(request.epoch)).bind(3, durable ? 1 : 0);
  end_.bind(4, request.expiry_s).bind(5, request.now.value).run(outcome);
  if (durable) return;
  now_.durable -= was_durable ? 1 : 0;
  erase_subscriptions(request.id, outcome);
  erase_unreleased(request.id, outcome);
}

}  // namespace wayside::broker::gate
