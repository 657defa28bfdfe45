#include "broker/localbroker/machine/restart_pause.h"

#include <algorithm>

namespace wayside::broker {

void RestartPause::ended(MonoMs now) {
  ++endings_;
  if (now - started_ >= limits_.healthy_ms) pause_ms_ = limits_.pause_first_ms;
  next_start_ = now + pause_ms_;
  pause_ms_ = std::min(pause_ms_ * 2, limits_.pause_max_ms);
}

}  // namespace wayside::broker
