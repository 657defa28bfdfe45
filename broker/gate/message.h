// What travels to an I/O thread: the messages of the ports, and the gate's own.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "broker/gate/connection_report.h"
#include "broker/ports.h"
#include "broker/session/session_store.h"

namespace wayside::broker::gate {

struct Opened {  // the session store's answer to an open
  ConnectionRef to;
  session::OpenRequest request;
  Outcome<session::OpenedSession> outcome = Reason::STORE_FAULT;
};
struct Saved {
  ConnectionRef to;
  std::uint64_t token = 0;
  Outcome<void> outcome;
};
struct Released {
  ConnectionRef to;
  std::uint16_t packet_id = 0;
  Outcome<void> outcome;
};
struct TakeOver {  // to the older connection: end, then tell the newer one
  ConnectionRef to;
  ConnectionRef by;
};
struct TakenOver {  // to the newer one: the older one reads no more and has queued what it had read
  ConnectionRef to;
};
struct CommittedGroup {  // answers of one group to connections of this thread, in order
  std::vector<Committed> answers;
};
struct Describe {  // answered even if the connection is gone
  ConnectionRef to;
  ConnectionReported done;
};
struct OpenListeners {};
struct Recheck {};  // trust or deny list changed: judge the connected peers again
struct Drain {};
struct Stop {};

using Message = std::variant<Committed, CommittedGroup, Deliver, CommandAnswer, CloseConnection, ServiceEvent, Opened,
                             Saved, TakeOver, TakenOver, Released, Stop, OpenListeners, Recheck, Drain, Describe>;
// What comes seldom is behind the rest: one look tells it apart.
inline constexpr std::size_t kFirstSeldom = 12;
static_assert(std::is_same_v<std::variant_alternative_t<kFirstSeldom, Message>, OpenListeners>);

}  // namespace wayside::broker::gate
