// Of sessions.db: who was online when the process died or could not be said to be OFFLINE, until somebody has said it.
#pragma once

#include <string>
#include <vector>

#include "broker/gate/sqlite.h"
#include "broker/session/session_store.h"
#include "common/result.h"

namespace wayside::broker::gate {

// Owns: its statements. Thread: the store's. Durable: with the transaction it is called in. Limits: the rows of
// the table of sessions; one row an id.
class LeftRows {
 public:
  // Whoever is connected in the table of sessions was so when the last process ended. Called before the rows say
  // otherwise.
  Result<void> prepare(sqlite3* db);
  // It is back: its newer epoch has its own ONLINE.
  void came_back(const std::string& id, Result<void>& outcome);
  // Its OFFLINE is committed.
  void told(const session::LeftOnline& one, Result<void>& outcome);
  // Its OFFLINE was refused.
  void untold(const session::LeftOnline& one, Result<void>& outcome);
  std::vector<session::LeftOnline> some(std::size_t max, bool also_by_death, Result<void>& outcome);
  // After a rollback: what was erased may be there again.
  void reset() { any_ = true; }

 private:
  bool any_ = true;
  Statement erase_, erase_epoch_, add_, some_;
};

}  // namespace wayside::broker::gate
