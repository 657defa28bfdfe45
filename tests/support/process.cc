#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <thread>

#include "tests/support/temp_dir.h"

namespace wayside::test {
namespace {

using Steady = std::chrono::steady_clock;

int open_output(const std::string& path) {
  const char* name = path.empty() ? "/dev/null" : path.c_str();
  return open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

// In the child, between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* argv, char* const* environment, const char* directory, int out, int err,
                         int report) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int null = open("/dev/null", O_RDONLY);
  dup2(null, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (*directory == '\0' || chdir(directory) == 0) execvpe(argv[0], argv, environment);
  const int failure = errno;
  const ssize_t ignored = write(report, &failure, sizeof failure);
  _exit(ignored == sizeof failure ? 127 : 126);
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  out.reserve(words.size() + 1);
  for (std::string& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& added) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) all.emplace_back(*entry);
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

int code_of(int status) { return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status); }

}  // namespace

Process::Process(std::vector<std::string> argv, const Options& options) {
  std::vector<std::string> environment = environment_with(options.environment);
  const std::vector<char*> words = pointers(argv);
  const std::vector<char*> variables = pointers(environment);
  const int out = open_output(options.output);
  const int err = options.errors.empty() ? out : open_output(options.errors);
  int report[2];
  if (out < 0 || err < 0 || pipe2(report, O_CLOEXEC) != 0) throw std::runtime_error("no files for " + argv[0]);
  pid_ = fork();
  if (pid_ == 0) become(words.data(), variables.data(), options.directory.c_str(), out, err, report[1]);
  close(report[1]);
  if (err != out) close(err);
  close(out);
  int failure = 0;
  const ssize_t got = read(report[0], &failure, sizeof failure);
  close(report[0]);
  if (pid_ < 0 || got == sizeof failure) {
    if (pid_ > 0) reap(true);
    throw std::runtime_error("cannot start " + argv[0] + ": " + std::strerror(failure));
  }
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), exit_code_(std::exchange(other.exit_code_, std::nullopt)) {}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  end();
  pid_ = std::exchange(other.pid_, -1);
  exit_code_ = std::exchange(other.exit_code_, std::nullopt);
  return *this;
}

Process::~Process() { end(); }

void Process::end() {
  if (pid_ > 0 && !exit_code_) stop(2000);
}

bool Process::reap(bool block) {
  if (exit_code_) return true;
  if (pid_ <= 0) return false;
  int status = 0;
  pid_t got = -1;
  do {
    got = waitpid(pid_, &status, block ? 0 : WNOHANG);
  } while (got < 0 && errno == EINTR);
  if (got == pid_) exit_code_ = code_of(status);
  return exit_code_.has_value();
}

bool Process::running() { return pid_ > 0 && !reap(false); }

void Process::signal(int number) const {
  if (pid_ > 0 && !exit_code_) kill(pid_, number);
}

void Process::kill_now() {
  signal(SIGKILL);
  reap(true);
}

std::optional<int> Process::wait(int timeout_ms) {
  wait_until([this] { return reap(false); }, timeout_ms);
  return exit_code_;
}

std::optional<int> Process::stop(int timeout_ms) {
  signal(SIGTERM);
  if (!wait(timeout_ms)) kill_now();
  return exit_code_;
}

Ran run(const std::vector<std::string>& argv, int timeout_ms) {
  const TempDir folder("run");
  Process process(argv, Process::Options{.output = folder / "out"});
  Ran ran;
  ran.exit_code = process.wait(timeout_ms).value_or(-1);
  if (ran.exit_code == -1) process.kill_now();
  ran.output = slurp(folder / "out");
  return ran;
}

bool wait_until(const std::function<bool()>& predicate, int timeout_ms) {
  const Steady::time_point end = Steady::now() + std::chrono::milliseconds(timeout_ms);
  while (!predicate()) {
    if (Steady::now() >= end) return predicate();
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  return true;
}

}  // namespace wayside::test
