#include "tests/crash/victims.h"

#include <signal.h>
#include <sys/wait.h>

#include <cerrno>

namespace wayside::test {

std::vector<Victim> lone_processes() {
  std::vector<Victim> victims;
  for (const char* name : {"edge broker", "local broker", "edge bridge", "core broker", "core bridge"}) {
    victims.push_back({name, {name}, {}});
  }
  return victims;
}

std::vector<Victim> hosts() {
  return {{"edge host", {"edge broker", "edge bridge"}, {"edge"}},
          {"core host", {"core broker", "core bridge"}, {"core"}},
          {"both hosts", {"edge broker", "core bridge", "edge bridge", "core broker"}, {"edge", "core"}}};
}

std::vector<Victim> replaced(const std::string& other_bin_dir, const std::string& bin_dir, std::uint64_t cycle) {
  const bool gently = cycle % 2 == 0;
  std::vector<Victim> out;
  for (const std::string& to : {other_bin_dir, bin_dir}) {
    for (const char* name : {"core bridge", "edge bridge", "edge broker"}) {
      out.push_back({std::string(name) + " goes on from " + to, {name}, {}, to, gently});
    }
    if (!gently) std::swap(out[out.size() - 3], out.back());
  }
  return out;
}

Result<void> kill_and_wait(const std::vector<pid_t>& processes) {
  for (const pid_t process : processes) {
    if (::kill(process, SIGKILL) == 0) continue;
    return Error{Fault::internal, "process " + std::to_string(process) + " was not there to be killed", errno};
  }
  for (const pid_t process : processes) {
    siginfo_t ended{};
    while (::waitid(P_PID, static_cast<id_t>(process), &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
  }
  return {};
}

}  // namespace wayside::test
