// After the death of a process: says OFFLINE for the vehicles that it left ONLINE and that do not come back.
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
// Limits   kAtOnceMax records at a time, one round a tick.
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
  // Waits grace_ms from now; 0: never says anything. The parts outlive the last answer, not this.
  PresenceSweep(Parts parts, std::string edge, std::int64_t grace_ms);
  void tick();
  [[nodiscard]] bool over() const { return state_->over.load(std::memory_order_acquire); }

 private:
  struct State {
    Parts parts;
    std::string edge;
    metrics::Counter& told;
    std::atomic<std::uint64_t> waiting{0};  // answers
    std::atomic<bool> over{false};
  };
  static void tell(const std::shared_ptr<State>& state, const session::LeftOnline& one);

  const MonoMs due_;
  std::shared_ptr<State> state_;
};

}  // namespace wayside::broker
