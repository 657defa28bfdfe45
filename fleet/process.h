// Child processes, known by their id: started, killed, stopped and started again by it, never by name.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"

namespace wayside::fleet {

struct ProcessSpec {
  std::string name;               // "broker", "core bridge": what people read
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::string log_file;           // stdout and stderr, appended
};

// Owns    at most one running child; the destructor kills it.
// Thread  one, and the same that starts it: the child gets SIGKILL when that thread ends.
class Process {
 public:
  explicit Process(ProcessSpec spec) : spec_(std::move(spec)) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  Process(Process&& other) noexcept : spec_(std::move(other.spec_)), pid_(std::exchange(other.pid_, -1)) {}
  ~Process() { kill_now(); }

  Result<void> start();
  // SIGKILL and reap.
  void kill_now();
  // SIGTERM, then SIGKILL when it has not ended in time. True: it ended by itself with status 0.
  bool stop(int timeout_ms = 10'000);
  // Reaps; false once it has ended.
  [[nodiscard]] bool running();
  // As waitpid gave it, of the last child that ended.
  [[nodiscard]] std::optional<int> last_status() const { return last_status_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const ProcessSpec& spec() const { return spec_; }

 private:
  ProcessSpec spec_;
  pid_t pid_ = -1;
  std::optional<int> last_status_;
};

// "exit status 2", "killed by signal 9".
std::string describe_status(int status);
// The last `lines` lines of a log, for the sentence of a failure.
std::string log_tail(const std::string& path, int lines = 5);

// Polls until `port` on loopback takes a connection; false after timeout_ms.
bool wait_port(int port, int timeout_ms);

}  // namespace wayside::fleet
