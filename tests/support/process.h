// Child processes of a test: started by argv, known by their id, stopped by their id.
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace wayside::test {

// Owns    one child process; the destructor ends it (SIGTERM, then SIGKILL after two seconds).
// Thread  one.
// The child gets SIGKILL when the thread that started it dies, so that a crashed test leaves nothing.
class Process {
 public:
  struct Options {
    std::string output{};                                            // file of stdout and stderr; "" = /dev/null
    std::string errors{};                                            // file of stderr; "" = with `output`
    std::vector<std::pair<std::string, std::string>> environment{};  // added to ours
    std::string directory{};                                         // to start in; "" = ours
  };

  // Throws when argv[0] (looked up in PATH) cannot be started.
  explicit Process(std::vector<std::string> argv) : Process(std::move(argv), Options{}) {}
  Process(std::vector<std::string> argv, const Options& options);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  ~Process();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;
  // SIGKILL and reap.
  void kill_now();
  // SIGTERM, wait, SIGKILL when it does not end in time. The exit status as of wait().
  std::optional<int> stop(int timeout_ms = 5000);
  // Exit code (128 + signal when killed by one); nullopt: still running after timeout_ms.
  std::optional<int> wait(int timeout_ms = 10000);

 private:
  bool reap(bool block);
  void end();

  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

// Runs to the end; exit code and what it wrote.
struct Ran {
  int exit_code = -1;
  std::string output;
};
Ran run(const std::vector<std::string>& argv, int timeout_ms = 20000);

// Asks `predicate` every few milliseconds until it is true. False: it never was within timeout_ms.
bool wait_until(const std::function<bool()>& predicate, int timeout_ms);

}  // namespace wayside::test
