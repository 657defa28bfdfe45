// Says OFFLINE for the vehicles that a process which died left ONLINE and that do not come back, and for those whose
// OFFLINE was refused.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "broker/ports.h"
#include "broker/session/session_store.h"
#include "common/clock.h"
#include "common/metrics/metrics.h"

namespace wayside::broker {

// Owns     what it has asked for and not been answered.
// Thread   tick: control; the answers come from the session store's and the event lane's threads.
// Durable  nothing of its own: the session store knows who is left until the OFFLINE record is committed. A death in
//          between says it twice, with the same epoch.
// Limits   kAtOnceMax records at a time, one round a tick; a round ends with the first record that is refused.
//
// The record has the epoch of the connection that was lost: a vehicle that is back by then, here or on another edge,
// has a newer one, which wins wherever both are seen.
class PresenceSweep {
 public:
  static constexpr std::size_t kAtOnceMax = 256;
  struct Parts {
    session::SessionStore& sessions;
    CustodyPort& custody;
    IoPort& io;
    metrics::Registry& metrics;
    const Clock& clock;
  };
  // What a death left waits grace_ms from now; 0: is never said. The parts outlive the last answer, not this.
  PresenceSweep(Parts parts, std::string edge, std::int64_t grace_ms);
  void tick();

 private:
  struct State {
    Parts parts;
    std::string edge;
    metrics::Counter& after_restart;
    metrics::Counter& late;
    std::atomic<std::uint64_t> waiting{0};  // answers
  };
  // False: refused.
  static bool tell(const std::shared_ptr<State>& state, const session::LeftOnline& one);

  const MonoMs due_;
  const bool ever_;  // what a death left
  std::shared_ptr<State> state_;
};

}  // namespace wayside::broker
