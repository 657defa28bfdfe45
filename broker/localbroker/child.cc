#include "broker/localbroker/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace wayside::broker {
namespace {

using Steady = std::chrono::steady_clock;
constexpr std::size_t kOutputBytesMax = 64U << 10U;

struct Pipes {
  int report = -1;  // close-on-exec: errno when exec failed
  int output = -1;  // stdout and stderr; -1: ours
  int held = -1;
};

// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* argv, const Pipes& pipes, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);  // it died before prctl
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  const int null = open("/dev/null", O_RDWR);
  dup2(null, STDIN_FILENO);
  dup2(pipes.output >= 0 ? pipes.output : STDERR_FILENO, STDOUT_FILENO);
  if (pipes.output >= 0) dup2(pipes.output, STDERR_FILENO);
  if (pipes.held >= 0) fcntl(pipes.held, F_SETFD, 0);
  execvp(argv[0], argv);
  const int failure = errno;
  const ssize_t told = write(pipes.report, &failure, sizeof failure);
  _exit(told == sizeof failure ? 127 : 126);
}

Result<pid_t> spawn(std::vector<std::string>& argv, int output, int held) {
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (std::string& word : argv) words.push_back(word.data());
  words.push_back(nullptr);
  std::array<int, 2> report{};
  if (pipe2(report.data(), O_CLOEXEC) != 0)
    return Error{Fault::io, std::string("pipe: ") + std::strerror(errno), errno};
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid == 0) become(words.data(), {report[1], output, held}, parent);
  close(report[1]);
  int failure = pid < 0 ? errno : 0;
  const ssize_t got = pid < 0 ? sizeof failure : read(report[0], &failure, sizeof failure);
  close(report[0]);
  if (got != sizeof failure) return pid;
  if (pid > 0) waitpid(pid, nullptr, 0);
  return Error{failure == ENOENT ? Fault::not_found : Fault::io,
               "cannot start " + argv[0] + ": " + std::strerror(failure), failure};
}

}  // namespace

Result<Child> Child::start(std::vector<std::string> argv, int held_fd) {
  Result<pid_t> pid = spawn(argv, -1, held_fd);
  if (!pid.ok()) return std::move(pid).error();
  return Child(*pid);
}

Child::Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), status_(other.status_) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  stop(0);
  pid_ = std::exchange(other.pid_, -1);
  status_ = other.status_;
  return *this;
}

Child::~Child() { stop(0); }

std::optional<int> Child::ended() {
  if (pid_ <= 0 || status_) return status_.value_or(0);
  int status = 0;
  const pid_t got = waitpid(pid_, &status, WNOHANG);
  if (got == pid_) status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  return status_;
}

void Child::stop(int ms) {
  if (pid_ <= 0 || ended()) return;
  kill(pid_, ms > 0 ? SIGTERM : SIGKILL);
  const Steady::time_point end = Steady::now() + std::chrono::milliseconds(ms);
  while (!ended() && Steady::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  if (ended()) return;
  kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  status_ = 128 + SIGKILL;
}

Result<std::string> output_of(std::vector<std::string> argv, int timeout_ms) {
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0)
    return Error{Fault::io, std::string("pipe: ") + std::strerror(errno), errno};
  Result<pid_t> pid = spawn(argv, output[1], -1);
  close(output[1]);
  std::string text;
  bool timed_out = false;
  while (pid.ok() && text.size() < kOutputBytesMax) {
    pollfd ready{output[0], POLLIN, 0};
    if (poll(&ready, 1, timeout_ms) <= 0) {
      timed_out = true;
      break;
    }
    std::array<char, 4096> buffer;
    const ssize_t got = read(output[0], buffer.data(), buffer.size());
    if (got <= 0) break;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(output[0]);
  if (!pid.ok()) return std::move(pid).error();
  if (timed_out) kill(*pid, SIGKILL);
  waitpid(*pid, nullptr, 0);
  if (timed_out) return Error{Fault::timeout, argv[0] + " did not answer"};
  return text;
}

}  // namespace wayside::broker
