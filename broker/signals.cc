#include "broker/signals.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace wayside::broker {

Result<Signals> Signals::take() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t ours;
  sigemptyset(&ours);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&ours, number);
  if (sigprocmask(SIG_BLOCK, &ours, nullptr) != 0) {
    return Error{Fault::internal, std::string("sigprocmask: ") + std::strerror(errno), errno};
  }
  const int fd = signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return Error{Fault::io, std::string("signalfd: ") + std::strerror(errno), errno};
  return Signals(fd);
}

Signals::Signals(Signals&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Signals::~Signals() {
  if (fd_ >= 0) close(fd_);
}

std::optional<Signal> Signals::next() const {
  signalfd_siginfo received{};
  if (read(fd_, &received, sizeof received) != sizeof received) return std::nullopt;
  return received.ssi_signo == SIGHUP ? Signal::reload : Signal::stop;
}

}  // namespace wayside::broker
