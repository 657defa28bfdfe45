// The command store of tests and of the simulator: what it holds is "durable" as long as the object lives,
// and completions come when and as the owner wants them.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "command/store.h"

namespace wayside::command {

// Owns     the rows.
// Thread   one. Completions are given by run(), never from submit().
// Durable  effects last from run() on; what was only submitted is lost by drop_submitted(), as by a crash.
// Limits   StoreLimits.
class MemoryStore final : public CommandStore {
 public:
  explicit MemoryStore(std::string holder, StoreLimits limits = {});
  void attach(Sink sink) { sink_ = std::move(sink); }

  void submit(std::uint64_t token, Operation operation) override;

  // Executes up to `count` of what was submitted, in order, and completes it. Returns how many.
  std::size_t run(std::size_t count = SIZE_MAX);
  [[nodiscard]] std::size_t submitted() const { return submitted_.size(); }
  void drop_submitted() {
    submitted_.clear();
    fail_ = Fail::no;
  }
  // The next operation completes as a fault; `stands`: it took effect nevertheless.
  void fail_next(bool stands);
  // Another edge takes the vehicle over: later commits under the old epoch are lease_lost.
  void steal_lease(const std::string& vehicle, const std::string& holder);
  void set_holder(std::string holder) { holder_ = std::move(holder); }

 private:
  struct Lease {
    std::string holder;
    std::uint64_t epoch = 0;
  };
  using CounterKey = std::tuple<intent::PublicKey, std::string, std::string>;

  Completion execute(Operation& operation);
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
  StoreOutcome may_accept(const Command& command, WallMs now, Completion& out) const;
  [[nodiscard]] bool has_closed_before(WallMs deadline) const;
  void forget(WallMs deadline_before, std::size_t limit, Completion& out);
  void accept(Accept& accept, Completion& out);
  void put_status(const Status& status);

  std::string holder_;
  StoreLimits limits_;
  Sink sink_;
  std::deque<std::pair<std::uint64_t, Operation>> submitted_;
  enum class Fail : std::uint8_t { no, lost, stands } fail_ = Fail::no;

  std::map<std::uint64_t, Command> commands_;     // by sequence
  std::map<CommandName, std::uint64_t> by_name_;  // -> commands_
  std::map<std::string, Lease> leases_;
  std::map<std::uint64_t, Status> outbox_;
  std::map<StatusKey, std::uint64_t> outbox_by_key_;  // -> outbox_
  std::map<CounterKey, std::uint64_t> counters_;
  std::map<std::pair<ListKind, intent::PublicKey>, StoredList> lists_;
  Marks marks_;
  std::uint64_t closed_bytes_ = 0;
  std::set<std::pair<WallMs, std::uint64_t>> closed_;  // deadline, sequence
  std::uint64_t next_sequence_ = 1;
  std::uint64_t next_outbox_ = 1;
  std::uint64_t last_epoch_ = 0;
};

}  // namespace wayside::command
