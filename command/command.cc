#include "command/command.h"

namespace wayside::command {

const char* to_string(State state) {
  switch (state) {
    case State::accepted: return "ACCEPTED";
    case State::queued: return "QUEUED";
    case State::sent: return "SENT";
    case State::received: return "RECEIVED";
    case State::succeeded: return "SUCCEEDED";
    case State::failed: return "FAILED";
    case State::rejected: return "REJECTED";
    case State::expired: return "EXPIRED";
    case State::superseded: return "SUPERSEDED";
    case State::cancelled: return "CANCELLED";
    case State::unknown_outcome: return "UNKNOWN_OUTCOME";
  }
  return "UNKNOWN_OUTCOME";
}

}  // namespace wayside::command
