// Sessions in a SQLite file of their own (WAL, synchronous=FULL), written by one thread in group commits.
//
// Owns: the file and the thread. Thread: any. Durable: as SessionStore says. Limits: sessions_max sessions;
// epochs of ids without a session are kept for twice as many ids, and below that by one common floor, so
// that an epoch never falls.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "broker/gate/receipt.h"
#include "broker/session/session_store.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::broker::gate {

struct SessionStoreOptions {
  std::string path;  // <state_dir>/sessions.db
  std::uint32_t sessions_max = 200'000;
  std::optional<SpoolUuid> spool{};               // whose lanes the receipts are of
  std::optional<SpoolShift> moved{};              // and for which one it goes on
  ReceiptScan scan{};                             // at the start, before anything is opened; empty: no custody
  std::function<void(Lane, Offset)> keep_from{};  // records from there on must not go yet
};
// `now`: connections that were open when the process died count as ended at this moment.
Result<std::unique_ptr<session::SessionStore>> open_sqlite_session_store(const SessionStoreOptions& options,
                                                                         WallMs now);

}  // namespace wayside::broker::gate
