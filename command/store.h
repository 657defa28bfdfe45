// The seam of the command store: asynchronous, submit -> completion. SQLite behind it in an edge, memory
// in tests and the simulator, PostgreSQL in regions of several edges later. No SQL outside the adapters.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "command/command.h"

namespace wayside::command {

// Moves the command from version status.key.version - 1; puts the status into the outbox.
struct Transition {
  Status status;
  std::uint64_t ack_next = 0;  // raises Command::ack_next
  std::uint32_t acks = 0;      // raises Command::acks
};

// A new command with its first statuses (versions 1..n); the command stands at the last of them.
// Refused by the store, not by its caller, so that two edges cannot both accept:
//   the name is known with the same bytes -> known; with others -> id_conflict;
//   the supersede key is not empty and the counter not above the highest accepted -> counter_low;
//   closed commands take more than they may, and none of them is past its deadline -> closed_full. Where some are, the
//   oldest of them are forgotten in the same transaction (deadline below `time_mark`).
struct Accept {
  Command command;
  std::vector<Status> statuses;
};

// One transaction for one vehicle, all or nothing. `epoch` 0 acquires the vehicle's lease in the same
// transaction; otherwise it must be the epoch of the lease (lease_lost). Order inside: lease, transitions
// (each a compare-and-swap on version: version_conflict), accept, marks.
struct Commit {
  std::string vehicle;
  std::uint64_t epoch = 0;
  std::optional<Accept> accept;
  std::vector<Transition> transitions;
  std::uint64_t applied_ack = 0;  // all acks of the ack lane below are applied; only rises
  WallMs time_mark{};             // only rises
};

struct ReleaseLease {
  std::string vehicle;
  std::uint64_t epoch = 0;
};

// These statuses are in the ack lane; every status that lies below `next_offset` is among those confirmed.
struct ConfirmOutbox {
  std::vector<StatusKey> keys;
  std::uint64_t next_offset = 0;  // only rises
  std::uint64_t applied_ack = 0;  // as in Commit
};

enum class ListKind : std::uint8_t { trust = 1, revocation = 2 };

// Keeps a signed list with its number; a number not above the one kept is number_low, for ever.
struct PutList {
  ListKind kind{};
  intent::PublicKey key{};
  std::uint64_t number = 0;
  Bytes framed;
  WallMs time_mark{};
};

struct FindCommand {
  CommandName name;
};
struct ReadMarks {};
struct ReadLists {};
struct ReadPending {  // open commands in order of sequence
  std::uint64_t after = 0;
  std::size_t limit = 1000;
  std::optional<std::string> vehicle{};
  std::optional<WallMs> due{};  // only those whose deadline is not after
};
struct ReadOutbox {  // unconfirmed statuses in order of commit
  std::uint64_t after = 0;
  std::size_t limit = 1000;
};
// Forgets closed commands whose deadline is before, the oldest first: admission refuses their intents by deadline
// anyway.
struct PurgeClosed {
  WallMs deadline_before{};
  std::size_t limit = 1000;  // rows
};

using Operation = std::variant<Commit, ReleaseLease, ConfirmOutbox, PutList, FindCommand, ReadMarks, ReadLists,
                               ReadPending, ReadOutbox, PurgeClosed>;

enum class StoreOutcome : std::uint8_t {
  done,
  known,             // Accept: the very same request was accepted before; `commands` has it
  id_conflict,       // Accept
  counter_low,       // Accept
  counters_full,     // Accept: no room for another supersede key
  closed_full,       // Accept: no room for another command once it is closed
  version_conflict,  // Transition
  lease_lost,        // the epoch is not the lease's
  lease_held,        // another holder has the lease
  number_low,        // PutList
  not_found,         // FindCommand
  fault,             // the store failed: whether it is durable is unknown; `sentence` tells
};

struct Marks {
  WallMs time_mark{};
  std::uint64_t applied_ack = 0;
  std::uint64_t outbox_next_offset = 0;
};
struct StoredList {
  ListKind kind{};
  intent::PublicKey key{};
  std::uint64_t number = 0;
  Bytes framed;
};

struct Completion {
  std::uint64_t token = 0;
  StoreOutcome outcome = StoreOutcome::done;
  std::string sentence;            // of a fault, for the log
  std::uint64_t epoch = 0;         // Commit: of the lease
  std::uint64_t sequence = 0;      // Accept: given to the command
  Marks marks;                     // ReadMarks
  std::uint64_t closed_bytes = 0;  // ReadMarks, Commit, PurgeClosed: of closed commands, as it is then
  std::size_t forgotten = 0;       // Commit, PurgeClosed: closed commands that are no more
  std::vector<Command> commands;   // FindCommand, ReadPending, known
  std::vector<Status> statuses;    // ReadOutbox
  std::vector<StoredList> lists;   // ReadLists
};

// Bounds of a store; what is beyond is refused with the outcome named.
struct StoreLimits {
  std::uint64_t counters_max = 1'000'000;          // counters_full
  std::uint64_t closed_bytes_max = 256ULL << 20U;  // closed_full; closed_bytes_of each
};

// What a closed command counts for: its request, and about what a row and its indexes take beside it.
inline std::uint64_t closed_bytes_of(std::size_t request_bytes) { return request_bytes + 512; }
// So many at most are forgotten for one that is accepted.
inline constexpr std::size_t kForgottenForOneMax = 64;

// Owns     the durable commands, leases, outbox, lists, counters and marks.
// Thread   submit: one. Completions may come on a thread of the store: the sink must only post.
// Durable  what completed as done or known.
// Limits   operations in flight are bounded by their submitter.
class CommandStore {
 public:
  using Sink = std::function<void(Completion)>;
  virtual ~CommandStore() = default;
  // Operations take effect in order of submission; each gets exactly one completion, in that order.
  virtual void submit(std::uint64_t token, Operation operation) = 0;
};

}  // namespace wayside::command
