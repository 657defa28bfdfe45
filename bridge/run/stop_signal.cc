#include "bridge/run/stop_signal.h"

#include <csignal>
#include <ctime>
#include <utility>

namespace wayside::bridge::run {
namespace {

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignal::StopSignal(std::function<void()> wake) : wake_(std::move(wake)) {
  const sigset_t set = stop_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  thread_ = std::thread([this] { wait(); });
}

StopSignal::~StopSignal() {
  over_.store(true, std::memory_order_release);
  thread_.join();
}

void StopSignal::wait() {
  const sigset_t set = stop_signals();
  const timespec slice{0, 200'000'000};
  while (!over_.load(std::memory_order_acquire)) {
    if (sigtimedwait(&set, nullptr, &slice) < 0) continue;
    raised_.store(true, std::memory_order_release);
    wake_();
    return;
  }
}

}  // namespace wayside::bridge::run
