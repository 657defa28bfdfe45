// One vehicle, as an operator asks for it: what gate, session store and command thread each know, put together.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "broker/admin/admin_api.h"
#include "broker/gate/gate.h"
#include "broker/ports.h"
#include "broker/session/session_store.h"
#include "common/clock.h"

namespace wayside::broker {

// Owns     the questions that wait for an answer.
// Thread   the control thread; the answers of the others come to it through `post`.
// Durable  nothing.
// Limits   kQuestionsMax at a time, so that a store that hangs is not asked without end; then QUEUE_FULL.
class VehicleDesk {
 public:
  static constexpr std::size_t kQuestionsMax = 64;
  struct Parts {
    std::string edge;
    std::string region;
    gate::Gate& gate;
    session::SessionStore& sessions;
    CommandPort& commands;
    const Clock& clock;
    std::function<void(std::function<void()>)> post;  // to the control thread
  };
  explicit VehicleDesk(Parts parts) : parts_(std::move(parts)) {}

  // VEHICLE_UNKNOWN: nothing here has heard of it. `done` on the control thread, when all three have answered.
  void ask(const std::string& vehicle, AdminReplied done);

 private:
  struct Question;
  void answered(const std::shared_ptr<Question>& question);

  const Parts parts_;
  std::size_t asked_ = 0;
};

}  // namespace wayside::broker
