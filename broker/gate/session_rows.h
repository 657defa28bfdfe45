// Rows of sessions.db: what the session store reads and writes within one transaction.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/gate/left_rows.h"
#include "broker/gate/sqlite.h"
#include "broker/session/session_store.h"
#include "common/result.h"

namespace wayside::broker::gate {

// Owns: the database. Thread: the store's. Durable: after commit(). Limits: sessions_max sessions with an
// expiry, twice as many rows in all; an epoch that falls out raises the floor of all epochs to come. As many
// unreleased identifiers a session as the session itself admits.
class SessionRows {
 public:
  static Result<std::unique_ptr<SessionRows>> open_file(const std::string& path, std::uint32_t sessions_max,
                                                        WallMs now);
  ~SessionRows();
  SessionRows(const SessionRows&) = delete;
  SessionRows& operator=(const SessionRows&) = delete;

  Result<void> begin();
  Result<void> commit() { return execute("COMMIT"); }
  void rollback();

  // Offsets of lanes mean something within one spool: receipts in one of another uuid are all to be looked for (true).
  // A file of a release that did not keep the uuid is taken to be of this one. One that is of the spool which this one
  // goes on for keeps its places: what was known below there is known here. Before anything else is read.
  Result<bool> bind_to_spool(const SpoolUuid& spool, const std::optional<SpoolShift>& moved = {});

  // `outcome` keeps the first fault; what is returned then means nothing.
  Outcome<session::OpenedSession> open(const session::OpenRequest& request, Result<void>& outcome);
  Outcome<void> save(const session::SaveRequest& request, Result<void>& outcome);
  void end(const session::EndRequest& request, Result<void>& outcome);
  std::optional<session::KnownSession> known(const std::string& id, Result<void>& outcome);
  LeftRows& left() { return left_; }
  // Kept while no newer epoch opened the session.
  void untold(const session::LeftOnline& one, Result<void>& outcome);

  // Receipts of a lane come in the order of their offsets; what lies below known_below() came once and is not
  // taken again, whatever has become of it since.
  void received(const session::Receipt& receipt, Result<void>& outcome);
  Outcome<void> release(const session::ReleaseRequest& request, Result<void>& outcome);
  [[nodiscard]] std::optional<Offset> known_below(Lane lane) const { return now_.known_below.at(index_of(lane)); }
  void set_known_below(Lane lane, Offset offset, Result<void>& outcome);

 private:
  // What is known of the rows without asking: it goes back with a transaction that does, whatever the disk then reads.
  struct Counts {
    std::uint64_t durable = 0;
    std::uint64_t rows = 0;
    std::uint64_t floor = 0;
    std::array<std::optional<Offset>, kLanes> known_below{};
  };
  struct Row {
    bool found = false;
    std::uint64_t epoch = 0;
    bool durable = false;
    bool alive = false;  // durable and not expired
  };

  SessionRows(sqlite3* db, std::uint32_t sessions_max) : db_(db), sessions_max_(sessions_max) {}
  Result<void> check();
  Result<void> prepare(WallMs now);
  Result<void> execute(const char* sql);
  Row find(const session::OpenRequest& request, Result<void>& outcome);
  bool room_for(const Row& row, const session::OpenRequest& request, Result<void>& outcome);
  void forget_expired(WallMs now, Result<void>& outcome);
  void bound_rows(Result<void>& outcome);
  void erase_subscriptions(const std::string& id, Result<void>& outcome);
  void recount(Result<void>& outcome);
  bool current(const std::string& id, std::uint64_t epoch, Result<void>& outcome);
  std::vector<std::uint16_t> carry_unreleased(const std::string& id, std::uint64_t last, std::uint64_t epoch,
                                              Result<void>& outcome);
  void erase_unreleased(const std::string& id, Result<void>& outcome) { erase_unreleased_.bind(1, id).run(outcome); }

  sqlite3* db_;
  std::uint32_t sessions_max_;
  Counts now_;
  Counts committed_;  // when the transaction began
  LeftRows left_;
  Statement find_, upsert_, end_, subscriptions_, erase_subscriptions_, add_subscription_, oldest_, erase_row_,
      set_floor_, unreleased_, carry_unreleased_, erase_unreleased_, add_unreleased_, release_, set_known_;
};

}  // namespace wayside::broker::gate
