// A child process that never outlives us.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::broker {

// Owns     the child: the destructor kills and reaps it.
// Thread   the one that started it, which must live as long: the kernel kills the child when that thread
//          ends (PR_SET_PDEATHSIG), so that kill -9 of the broker leaves no orphan on its socket.
// Durable  -
class Child {
 public:
  // `held_fd` stays open in the child: a lock on it lasts until the child too is gone. -1: none.
  static Result<Child> start(std::vector<std::string> argv, int held_fd);
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  ~Child();

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Exit code, or 128 + signal; nullopt while it runs.
  std::optional<int> ended();
  // SIGTERM, at most `ms`, then SIGKILL.
  void stop(int ms);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
  std::optional<int> status_;
};

// What a short-lived program writes to stdout and stderr, at most 64 KiB of it.
Result<std::string> output_of(std::vector<std::string> argv, int timeout_ms);

}  // namespace wayside::broker
