// How a session stands, in figures: for an operator.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/mqtt/packet.h"

namespace wayside::broker::session {

struct Figures {
  mqtt::Version version = mqtt::Version::v5;
  std::uint64_t epoch = 0;
  std::uint32_t expiry_s = 0;  // how long it outlives the connection
  std::uint16_t keep_alive_s = 0;
  std::size_t subscriptions = 0;
  std::size_t unanswered = 0;  // publishes of the vehicle without an answer yet
  std::size_t parked = 0;      // of these, what waits for room in custody
  std::size_t inflight = 0;    // messages sent to it and not acknowledged
  std::size_t queued = 0;      // messages that wait for its Receive Maximum
};

}  // namespace wayside::broker::session
