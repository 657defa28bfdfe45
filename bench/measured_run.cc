#include "bench/measured_run.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "fleet/process.h"

namespace wayside::bench {
namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

// Between fork and exec only calls that are safe there.
[[noreturn]] void become(const std::vector<char*>& argv, int log) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

Result<MeasuredRun> run_measured(std::vector<std::string> argv, const std::string& log_file) {
  std::vector<char*> pointers;
  for (auto& argument : argv) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const int log = ::open(log_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (log < 0) return Error{Fault::io, log_file, errno};
  const auto begun = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child == 0) become(pointers, log);
  ::close(log);
  if (child < 0) return Error{Fault::io, "fork", errno};
  int status = 0;
  rusage used{};
  while (wait4(child, &status, 0, &used) < 0 && errno == EINTR) {
  }
  if (status != 0) {
    return Error{Fault::internal, argv[0] + ": " + fleet::describe_status(status) + ": " + fleet::log_tail(log_file)};
  }
  return MeasuredRun{std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count(),
                     seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
                     static_cast<std::uint64_t>(used.ru_maxrss) * 1024};
}

}  // namespace wayside::bench
