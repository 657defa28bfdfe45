#include "cli/bundle/machine.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/os/system.h"

namespace wayside::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::size_t kPortsBytesMax = 4096;
constexpr std::size_t kProcBytesMax = 1U << 20U;

// Files of /proc say no size.
std::string proc_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kProcBytesMax, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  return text;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string one; std::getline(in, one, at);) out.push_back(one);
  return out;
}

std::string in_proc(pid_t pid, const char* name) { return "/proc/" + std::to_string(pid) + "/" + name; }

void read_command_line(RunningProcess& process) {
  const auto words = split(proc_text(in_proc(process.pid, "cmdline")), '\0');
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (const std::string option : {"--config", "--set"}) {
      std::string value;
      if (words[i] == option && i + 1 < words.size()) value = words[i + 1];
      if (words[i].starts_with(option + "=")) value = words[i].substr(option.size() + 1);
      if (value.empty()) continue;
      if (option == "--set") process.sets.push_back(value);
      if (option == "--config") process.config_file = value;
    }
  }
  if (process.config_file.empty() || process.config_file.front() == '/') return;
  std::error_code none;
  process.config_file = (fs::read_symlink(in_proc(process.pid, "cwd"), none) / process.config_file).string();
}

// "Name: value" lines of /proc, those that are asked for.
Json lines_of(const std::string& path, const std::vector<std::string>& names) {
  Json out = Json::object();
  for (const std::string& line : split(proc_text(path), '\n')) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string name = line.substr(0, colon);
    const std::size_t value = line.find_first_not_of(" \t", colon + 1);
    if (std::find(names.begin(), names.end(), name) == names.end() || value == std::string::npos) continue;
    out[name] = line.substr(value);
  }
  return out;
}

Json process_json(const RunningProcess& process) {
  Json out{{"name", process.name}, {"pid", process.pid}};
  out["status"] =
      lines_of(in_proc(process.pid, "status"), {"State", "Threads", "VmRSS", "VmHWM", "VmSwap", "CapEff", "Seccomp"});
  Json limits = Json::array();
  for (const std::string& line : split(proc_text(in_proc(process.pid, "limits")), '\n')) limits.push_back(line);
  out["limits"] = std::move(limits);
  std::error_code none;
  const fs::directory_iterator open(in_proc(process.pid, "fd"), none);
  if (!none) out["open_files"] = std::distance(begin(open), end(open));
  return out;
}

Json volume_json(const std::string& path) {
  struct statvfs space{};
  if (statvfs(path.c_str(), &space) != 0) return {{"path", path}, {"why", "statvfs fails"}};
  const auto bytes = [&](std::uint64_t blocks) { return blocks * space.f_frsize; };
  return {{"path", path},
          {"bytes", bytes(space.f_blocks)},
          {"free_bytes", bytes(space.f_bavail)},
          {"inodes", space.f_files},
          {"free_inodes", space.f_favail},
          {"read_only", (space.f_flag & ST_RDONLY) != 0}};
}

std::string first_line(const std::string& path) { return proc_text(path).substr(0, proc_text(path).find('\n')); }

}  // namespace

Result<RunningProcess> process_of(const std::string& name, const std::string& ports_file) {
  const auto told = os::read_file(ports_file, kPortsBytesMax);
  if (!told) return told.error();
  const Json json = Json::parse(*told, nullptr, false);
  RunningProcess process;
  process.name = name;
  if (json.is_object() && json.contains("pid") && json["pid"].is_number_integer()) process.pid = json["pid"];
  // Another process may have the number by now.
  const std::string program = name.substr(0, name.find(' '));
  std::error_code none;
  const std::string runs = fs::read_symlink(in_proc(process.pid, "exe"), none).filename().string();
  if (process.pid <= 0 || !runs.starts_with(program)) {
    return Error{Fault::not_found, program + " does not run as process " + std::to_string(process.pid), 0};
  }
  read_command_line(process);
  for (std::string& one : split(proc_text(in_proc(process.pid, "environ")), '\0')) {
    if (one.starts_with("WAYSIDE_")) process.environment.push_back(std::move(one));
  }
  return process;
}

std::string log_file_of(pid_t pid) {
  std::error_code none;
  const fs::path file = fs::read_symlink(in_proc(pid, "fd/2"), none);
  return !none && fs::is_regular_file(file, none) ? file.string() : "";
}

Result<std::string> tail_of_file(const std::string& path, std::size_t bytes_max, bool* cut) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return Error{Fault::not_found, path + " cannot be read", 0};
  const auto size = static_cast<std::size_t>(file.tellg());
  *cut = size > bytes_max;
  file.seekg(static_cast<std::streamoff>(*cut ? size - bytes_max : 0));
  std::string text(std::min(size, bytes_max), '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(file.gcount(), 0)));
  // Half a line could hold half an id.
  if (*cut) text.erase(0, std::min(text.find('\n'), text.size() - 1) + (text.empty() ? 0 : 1));
  return text;
}

std::string machine_json(const std::vector<RunningProcess>& processes, const std::vector<std::string>& volumes) {
  Json out = Json::object();
  utsname kernel{};
  if (uname(&kernel) == 0) {
    out["kernel"] = {{"name", kernel.sysname},
                     {"release", kernel.release},
                     {"version", kernel.version},
                     {"machine", kernel.machine}};
  }
  out["cpus"] = sysconf(_SC_NPROCESSORS_ONLN);
  out["load"] = first_line("/proc/loadavg");
  out["memory"] = lines_of("/proc/meminfo", {"MemTotal", "MemAvailable", "SwapTotal", "SwapFree", "Dirty"});
  for (const char* name : {"memory.max", "memory.current", "cpu.max", "pids.max"}) {
    if (std::string line = first_line(std::string("/sys/fs/cgroup/") + name); !line.empty()) out["cgroup"][name] = line;
  }
  out["volumes"] = Json::array();
  for (const std::string& path : volumes) out["volumes"].push_back(volume_json(path));
  out["processes"] = Json::array();
  for (const RunningProcess& process : processes) out["processes"].push_back(process_json(process));
  return out.dump();
}

}  // namespace wayside::cli
