// What goes into the lifecycle and what comes out: step(event) -> actions.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "command/command.h"
#include "command/edge_time.h"
#include "command/store.h"
#include "common/reasons.h"
#include "intent/intent.h"

namespace wayside::command {

// A vehicle's connection; never reused.
struct Connection {
  std::uint32_t thread = 0;
  std::uint64_t number = 0;
  auto operator<=>(const Connection&) const = default;
};

// The vehicle's own word about a command.
struct Word {
  State state{};  // received, succeeded, failed, rejected or expired
  std::string reason;
};

// ---- events ----------------------------------------------------------------------------------------
struct Start {};    // begins loading; the first event
struct Completed {  // of an operation that a Submit asked for
  Completion completion;
};
struct ScannedStatus {  // between Scan and ScanDone: a status met in the ack lane
  StatusKey key;
  Offset offset{};
};
struct ScanDone {
  Offset to{};  // everything below was read
};
struct Requested {          // an intent and a grant, as signed
  std::uint64_t token = 0;  // comes back with Answer
  Bytes request;
};
struct Ready {  // connected and subscribed to its commands
  std::string vehicle;
  std::uint64_t presence = 0;  // epoch: a lower one is of an older connection and is ignored
  Connection at;
};
struct Gone {  // Written of that connection, if any, came before
  std::string vehicle;
  Connection at;
};
struct Written {  // written = false: refused by the gate's own look at the deadline
  CommandName name;
  Connection at;
  bool written = false;
};
struct Pubacked {
  CommandName name;
  Connection at;
};
struct AckOffered {  // answered by AckVerdict; if admitted, AckInLane follows
  std::uint64_t token = 0;
  CommandName name;
  std::size_t bytes = 0;
};
struct AckInLane {  // committed to the ack lane (also: met there by the scan)
  CommandName name;
  Word word;
  std::optional<Offset> offset;  // none: the lane refused it
};
struct StatusInLane {  // answer to Publish
  StatusKey key;
  std::optional<Offset> offset;  // none: the lane refused it
};
struct ListOffered {  // a signed trust or revocation list; answered by ListVerdict
  std::uint64_t token = 0;
  Bytes framed;
};
struct Tick {};  // at wake(), or whenever
using Event = std::variant<Start, Completed, ScannedStatus, ScanDone, Requested, Ready, Gone, Written, Pubacked,
                           AckOffered, AckInLane, StatusInLane, ListOffered, Tick>;

// ---- actions ---------------------------------------------------------------------------------------
struct Submit {
  std::uint64_t token = 0;
  Operation operation;
};
struct Scan {  // read the ack lane from here to synced: ScannedStatus, AckInLane, ScanDone
  Offset from{};
};
struct Answer {  // exactly one for each Requested
  std::uint64_t token = 0;
  bool accepted = false;
  Reason reason{};        // when not accepted
  bool repeated = false;  // accepted, and was so before
  // Of a request whose signatures hold (what an audit may name):
  std::optional<CommandName> name{};
  intent::PublicKey issuer{};
  std::uint64_t grant_serial = 0;
};
struct Deliver {  // SENT is committed
  CommandName name;
  Connection to;
  std::shared_ptr<const Bytes> request;
  WallMs deadline{};
  bool again = false;  // it was offered to the vehicle before
};
struct Reset {  // the connection holds an unacknowledged command at its deadline
  std::string vehicle;
  Connection at;
};
struct AckVerdict {
  std::uint64_t token = 0;
  bool admitted = false;
  Reason reason{};    // when not admitted
  bool late = false;  // admitted; the command was closed before: changes nothing
};
struct Publish {  // offer this status to the ack lane; answered by StatusInLane
  Status status;
  bool first = true;  // not a repeat after a refusal of the lane: tell the services as well
};
struct ListVerdict {
  std::uint64_t token = 0;
  bool accepted = false;
  Reason reason{};
};
enum class AlarmKind : std::uint8_t { clock_step, store_fault, lease_lost, stored_list_invalid };
struct Alarm {
  AlarmKind kind{};
  std::string sentence;
};
struct Running {};  // loaded and scanned: requests are judged from now on
using Action = std::variant<Submit, Scan, Answer, Deliver, Reset, AckVerdict, Publish, ListVerdict, Alarm, Running>;

const char* to_string(AlarmKind kind);

}  // namespace wayside::command
