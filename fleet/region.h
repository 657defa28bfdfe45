// A whole region on one machine: a core (broker and bridge), its edges (broker and bridge each; one unless
// RegionNames tells of more), the relay between.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "fleet/process.h"
#include "fleet/region_files.h"
#include "fleet/relay.h"

namespace wayside::fleet {

struct RegionOptions {
  std::string dir;        // made when it is not there
  std::string pki;        // an existing PKI folder; empty: DIR/pki
  std::string bin_dir;    // where wayside-broker and wayside-bridge lie
  std::string mosquitto;  // path of the program; empty: looked up
  std::vector<std::string> vehicles;
  RegionNames names;
  std::uint64_t seed = 0;
};

struct ProcessInfo {
  std::string name;
  pid_t pid = -1;  // -1: it is down
  std::uint64_t restarts = 0;
};

// Owns    the processes, the relay.
// Thread  one: the same that makes it (children die with that thread).
// Durable the folder stays.
class Region {
 public:
  using Say = std::function<void(const std::string&)>;

  // PKI, grants, ports, configuration files. Starts nothing.
  static Result<std::unique_ptr<Region>> prepare(RegionOptions options);
  ~Region();

  // In dependency order, each ready before the next. The sentence of a failure ends with the log's last lines.
  Result<void> start(const Say& say);
  // Starts again what ended without being told to; called regularly.
  Result<void> tend();
  // SIGKILL to the core's bridge and broker; they stay down until start_core().
  void kill_core();
  Result<void> start_core();
  // Ends one process (SIGTERM, or SIGKILL) and starts the program of the same name in `bin_dir` in its place: another
  // release on the same files. Ready when it returns. False: it did not end by itself with status 0.
  Result<bool> replace(const std::string& name, const std::string& bin_dir, bool gently);
  // SIGTERM in reverse order. False: one did not end by itself with status 0.
  bool stop();

  [[nodiscard]] const RegionPaths& paths() const { return paths_; }
  [[nodiscard]] const RegionPorts& ports() const { return ports_; }
  [[nodiscard]] const RegionOptions& options() const { return options_; }
  [[nodiscard]] Relay& relay() { return *relay_; }
  [[nodiscard]] std::vector<ProcessInfo> processes();

 private:
  struct Member {
    Process process;
    std::function<Result<void>()> wait_ready;
    bool wanted = false;
    std::uint64_t restarts = 0;
  };
  Region(RegionOptions options, RegionPaths paths) : options_(std::move(options)), paths_(std::move(paths)) {}
  Result<void> pick_ports();
  void add(const std::string& name, std::vector<std::string> argv, std::function<Result<void>()> wait_ready);
  void add_members();
  void add_edge(std::size_t edge);
  Result<void> bring_up(Member& member);
  Result<void> wait_file(const std::string& path, Member& member, int metrics_port);

  RegionOptions options_;
  RegionPaths paths_;
  RegionPorts ports_;
  std::unique_ptr<Relay> relay_;
  // In order of start: core broker, core bridge, then broker and bridge of each edge.
  std::vector<std::unique_ptr<Member>> members_;
};

// The folder of the running program.
std::string own_bin_dir();
// A program in PATH or where Debian keeps daemons; empty when there is none.
std::string find_program(const std::string& name);
// The integer member `key` of one of our own flat JSON objects; -1 when it is not there.
std::int64_t json_integer(const std::string& text, const std::string& key);

}  // namespace wayside::fleet
