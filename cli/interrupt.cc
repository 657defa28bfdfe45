#include "cli/interrupt.h"

#include <poll.h>

#include <algorithm>
#include <csignal>

#include "common/os/system.h"

namespace wayside::cli {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

void note(int /*signal*/) { g_interrupted = 1; }

}  // namespace

void watch_interrupts() {
  struct sigaction action{};
  action.sa_handler = note;  // no SA_RESTART: what waits is woken
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return g_interrupted != 0; }

bool wait_ms(std::int64_t ms) {
  // A signal that comes between the look and the wait is found at the next look.
  constexpr std::int64_t kLookMs = 100;
  const os::SystemClock clock;
  const MonoMs until = clock.mono() + ms;
  for (std::int64_t left = ms; left > 0 && !interrupted(); left = until - clock.mono()) {
    poll(nullptr, 0, static_cast<int>(std::min(left, kLookMs)));
  }
  return !interrupted();
}

}  // namespace wayside::cli
