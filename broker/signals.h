// SIGTERM, SIGINT and SIGHUP as a descriptor of the control loop.
#pragma once

#include <optional>

#include "common/result.h"

namespace wayside::broker {

enum class Signal { stop, reload };

// Owns     the descriptor. Blocks the three signals: made before any thread starts, which inherit that.
// Thread   the control thread.
class Signals {
 public:
  static Result<Signals> take();
  Signals(Signals&& other) noexcept;
  Signals& operator=(Signals&&) = delete;
  ~Signals();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::optional<Signal> next() const;

 private:
  explicit Signals(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace wayside::broker
