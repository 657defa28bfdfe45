#include "bench/process_cpu.h"

#include <unistd.h>

#include <sstream>

#include "common/os/system.h"

namespace wayside::bench {
namespace {

// proc(5): utime is field 14 and stime 15; the name in field 2 may hold spaces and ends with the last bracket.
constexpr int kFieldsBetweenNameAndUtime = 11;

}  // namespace

Result<double> cpu_seconds(pid_t pid) {
  const auto text = os::read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!text) return text.error();
  const auto name_end = text->rfind(')');
  if (name_end == std::string::npos) return Error{Fault::malformed, "stat of process " + std::to_string(pid)};
  std::istringstream fields(text->substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < kFieldsBetweenNameAndUtime; ++i) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  if (!(fields >> user >> system)) return Error{Fault::malformed, "stat of process " + std::to_string(pid)};
  return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace wayside::bench
