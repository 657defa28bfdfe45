#include "fleet/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

#include "common/os/system.h"

namespace wayside::fleet {
namespace {

constexpr int kPollMs = 20;

// Between fork and exec only calls that are safe there.
[[noreturn]] void become(const std::vector<char*>& argv, int log, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the parent died before the line above
  setpgid(0, 0);                        // Ctrl-C goes to us; we stop our children in order
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(log, STDOUT_FILENO);
  dup2(log, STDERR_FILENO);
  execvp(argv[0], argv.data());
  _exit(127);
}

bool try_connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool ok = connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  ::close(fd);
  return ok;
}

}  // namespace

Result<void> Process::start() {
  const int log = ::open(spec_.log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) return Error{Fault::io, spec_.log_file + ": " + std::strerror(errno), errno};
  std::vector<char*> argv;
  argv.reserve(spec_.argv.size() + 1);
  for (auto& argument : spec_.argv) argv.push_back(argument.data());
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child == 0) become(argv, log, parent);
  const int code = errno;
  ::close(log);
  if (child < 0) return Error{Fault::io, "fork: " + std::string(std::strerror(code)), code};
  pid_ = child;
  last_status_.reset();
  return {};
}

bool Process::running() {
  if (pid_ < 0) return false;
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) == 0) return true;
  last_status_ = status;
  pid_ = -1;
  return false;
}

void Process::kill_now() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  last_status_ = status;
  pid_ = -1;
}

bool Process::stop(int timeout_ms) {
  if (!running()) return last_status_ && *last_status_ == 0;
  ::kill(pid_, SIGTERM);
  for (int waited = 0; running(); waited += kPollMs) {
    if (waited >= timeout_ms) {
      kill_now();
      return false;
    }
    poll(nullptr, 0, kPollMs);
  }
  return last_status_ && *last_status_ == 0;
}

std::string describe_status(int status) {
  if (WIFSIGNALED(status)) return "killed by signal " + std::to_string(WTERMSIG(status));
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

std::string log_tail(const std::string& path, int lines) {
  auto text = os::read_file(path, 64U << 20U);
  if (!text) return {};
  while (!text->empty() && text->back() == '\n') text->pop_back();
  std::size_t at = text->size();
  for (int i = 0; i < lines && at != std::string::npos && at > 0; ++i) at = text->rfind('\n', at - 1);
  return at == std::string::npos || at == 0 ? *text : text->substr(at + 1);
}

bool wait_port(int port, int timeout_ms) {
  for (int waited = 0; waited <= timeout_ms; waited += kPollMs) {
    if (try_connect(port)) return true;
    poll(nullptr, 0, kPollMs);
  }
  return false;
}

}  // namespace wayside::fleet
