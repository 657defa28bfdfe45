// What EdgeLink is told and what it asks for. Values only.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "bridge/link/topics.h"
#include "common/reasons.h"
#include "common/types.h"
#include "spool/move.h"

namespace wayside::bridge::edge {

struct Time {
  WallMs wall{};
  MonoMs mono{};
};

// Both connections are up and subscribed. Sessions rise: at least one more than any before.
struct LinkUp {
  std::uint64_t session = 0;
};
struct LinkDown {};
struct Message {
  link::Address address;
  Bytes bytes;
};
struct Tick {};
struct SyncedMoved {  // the lane's mapped page shows records up to `offset`
  Lane lane{};
  Offset offset{};
};
struct BrokerUp {};
struct BrokerDown {};
struct BrokerAnswer {
  std::uint64_t sequence = 0;
  bool accepted = false;
  std::string reason;
};
struct EdgeEvent {
  Time now;
  std::variant<LinkUp, LinkDown, Message, Tick, SyncedMoved, BrokerUp, BrokerDown, BrokerAnswer> what;
};

struct Publish {
  link::Address address;
  Bytes bytes;
};
struct DropLink {  // close both connections and come back with a new session
  Reason reason{};
};
struct ToBroker {
  std::uint64_t sequence = 0;
  Bytes request;
};
struct Settled {
  Lane lane{};
  Offset offset{};
};
struct Alarm {
  Reason reason{};
  Lane lane{};
  std::string sentence;
};
// The volume went back in time: nothing more is shipped under its uuid. Whoever keeps the spool makes that durable and
// gives the volume free, so that its broker can move what the core has not got to another one.
struct CloseSpool {
  spool::ClosingMark mark;
};
using EdgeAction = std::variant<Publish, DropLink, ToBroker, Settled, Alarm, CloseSpool>;
using EdgeActions = std::vector<EdgeAction>;

}  // namespace wayside::bridge::edge
