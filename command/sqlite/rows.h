// The operations of the store as SQL, within a transaction that the caller owns.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "command/sqlite/database.h"
#include "command/store.h"

namespace wayside::command::sqlite {

// Owns     the connection and its prepared statements.
// Thread   the store's.   Durable  what the caller commits.   Limits  StoreLimits.
class Rows {
 public:
  static Result<std::unique_ptr<Rows>> open(const std::string& path, std::string holder, StoreLimits limits,
                                            const std::optional<SpoolUuid>& spool,
                                            const std::optional<SpoolShift>& moved = {});
  // The offsets in the file were of another spool: they begin at 0.
  [[nodiscard]] bool offsets_forgotten() const { return offsets_forgotten_; }

  Result<void> begin();
  Result<void> commit();
  void rollback();
  // All or nothing: what is not done (or known) leaves no trace in the transaction.
  Completion execute(Operation& operation);

 private:
  struct Statements;
  Rows(Database database, std::string holder, StoreLimits limits);
  Result<void> prepare();
  Result<void> count_closed();

  void on(Commit& commit, Completion& out);
  void on(ReleaseLease& release, Completion& out);
  void on(ConfirmOutbox& confirm, Completion& out);
  void on(PutList& put, Completion& out);
  void on(FindCommand& find, Completion& out);
  void on(ReadMarks& read, Completion& out);
  void on(ReadLists& read, Completion& out);
  void on(ReadPending& read, Completion& out);
  void on(ReadOutbox& read, Completion& out);
  void on(PurgeClosed& purge, Completion& out);

  bool hold_lease(const Commit& commit, Completion& out);
  bool acquire_lease(const std::string& vehicle, Completion& out);
  bool move(const Transition& transition, Completion& out);
  bool may_accept(const Command& command, WallMs now, Completion& out);
  bool make_room(WallMs now, Completion& out);
  bool forget(WallMs deadline_before, std::size_t limit, Completion& out);
  bool close(const CommandName& name, Completion& out);
  bool raise_counter(const Command& command, Completion& out);
  bool accept(const Accept& accept, Completion& out);
  bool put_status(const Status& status, Completion& out);
  bool raise(std::string_view mark, std::uint64_t value, Completion& out);
  std::uint64_t mark(std::string_view name, Completion& out);
  bool find(const CommandName& name, Completion& out);
  bool wrote(Statement& statement, Completion& out);
  void fail(Completion& out, const char* doing);

  Database database_;
  std::string holder_;
  StoreLimits limits_;
  std::shared_ptr<Statements> statements_;
  bool offsets_forgotten_ = false;
};

}  // namespace wayside::command::sqlite
