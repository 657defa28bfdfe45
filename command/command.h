// The command as the store keeps it and as its status is told (design section 8).
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "common/types.h"
#include "intent/intent.h"

namespace wayside::command {

// Values are those of schemas CommandState: they are on the wire and on disk.
enum class State : std::uint8_t {
  accepted = 1,
  queued = 2,
  sent = 3,
  received = 4,
  succeeded = 5,
  failed = 6,
  rejected = 7,
  expired = 8,
  superseded = 9,
  cancelled = 10,
  unknown_outcome = 11,
};
inline constexpr std::uint8_t kStateMax = 11;
const char* to_string(State state);  // "ACCEPTED" ... "UNKNOWN_OUTCOME"

// Terminal: nothing changes it any more.
constexpr bool is_closed(State state) { return state >= State::succeeded; }
// Not a byte of it was offered to the vehicle yet.
constexpr bool is_unsent(State state) { return state < State::sent; }

// Topics name a command by vehicle and id alone, so this pair is unique in a store: an id that another
// issuer used for the vehicle is refused like one that was used with other bytes.
struct CommandName {
  std::string vehicle;
  intent::CommandId id{};
  auto operator<=>(const CommandName&) const = default;
};

struct Command {
  std::uint64_t sequence = 0;  // order of acceptance, given by the store, rises
  CommandName name;
  intent::PublicKey issuer{};
  intent::PublicKey grant_key{};
  std::uint64_t grant_serial = 0;
  std::string group;
  std::string what;  // the intent's name
  std::string supersede_key;
  std::uint64_t counter = 0;
  WallMs deadline{};
  WallMs accepted_at{};
  std::shared_ptr<const Bytes> request;  // intent and grant as signed
  State state = State::accepted;
  std::uint32_t version = 0;   // rises by one with each status
  std::string reason;          // of the newest status
  std::uint64_t ack_next = 0;  // acks of the ack lane below this offset are in `state`
  std::uint32_t acks = 0;      // of the vehicle, applied
};

// (vehicle, command id, version) is unique for ever: the key of the outbox and of deduplication.
struct StatusKey {
  CommandName name;
  std::uint32_t version = 0;
  auto operator<=>(const StatusKey&) const = default;
};

// One transition as it is told: an outbox row, then a CommandStatus on the ack lane.
struct Status {
  StatusKey key;
  State state{};
  std::string reason;
  std::string group;
  std::string what;
  WallMs deadline{};
  WallMs at{};
  std::uint64_t outbox_sequence = 0;  // set by ReadOutbox
  std::int64_t age_ms = -1;           // since acceptance, for metrics; not kept, -1: not known to this process
};

}  // namespace wayside::command
