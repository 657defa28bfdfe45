#include "fleet/region.h"

#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <filesystem>

#include "common/os/system.h"
#include "fleet/admin.h"
#include "fleet/ports.h"

namespace wayside::fleet {
namespace {

constexpr int kReadyTimeoutMs = 20'000;
constexpr int kPollMs = 25;
constexpr std::size_t kCoreMembers = 2;

Error failed_start(const Process& process, const std::string& what) {
  const auto& spec = process.spec();
  return Error{Fault::unreachable,
               spec.name + ": " + what + "; the log " + spec.log_file + " ends:\n" + log_tail(spec.log_file)};
}

}  // namespace

std::string own_bin_dir() {
  std::error_code ignored;
  return std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path().string();
}

std::string find_program(const std::string& name) {
  const char* path = std::getenv("PATH");
  std::string folders = (path == nullptr ? std::string() : std::string(path)) + ":/usr/sbin:/usr/local/sbin:/sbin";
  for (std::size_t at = 0; at <= folders.size();) {
    const auto end = std::min(folders.find(':', at), folders.size());
    const auto candidate = folders.substr(at, end - at) + "/" + name;
    if (end > at && access(candidate.c_str(), X_OK) == 0) return candidate;
    at = end + 1;
  }
  return "";
}

std::int64_t json_integer(const std::string& text, const std::string& key) {
  const auto at = text.find('"' + key + '"');
  if (at == std::string::npos) return -1;
  const auto digits = text.find_first_not_of(": ", at + key.size() + 2);
  std::int64_t value = -1;
  if (digits != std::string::npos) std::from_chars(text.data() + digits, text.data() + text.size(), value);
  return value;
}

Result<std::unique_ptr<Region>> Region::prepare(RegionOptions options) {
  std::error_code failed;
  options.dir = std::filesystem::absolute(options.dir, failed).string();
  if (!options.pki.empty()) options.pki = std::filesystem::absolute(options.pki, failed).string();
  if (options.mosquitto.empty()) options.mosquitto = find_program("mosquitto");
  if (options.mosquitto.empty()) return Error{Fault::not_found, "mosquitto is not installed"};
  auto region = std::unique_ptr<Region>(new Region(options, RegionPaths(options.dir, options.pki)));
  // The deepest socket of the edge with the longest folder must fit into a socket address.
  if (region->paths_.edge_run(options.names.edges()).size() + sizeof "/local/mqtt.sock" >
      sizeof(sockaddr_un::sun_path)) {
    return Error{Fault::config, options.dir + ": too long a path for the sockets in it; take a shorter one"};
  }
  if (auto made = os::make_dirs(options.dir); !made) return std::move(made).error();
  if (auto made = make_region_pki(region->paths_.pki, options.names, options.vehicles); !made) {
    return std::move(made).error();
  }
  if (auto picked = region->pick_ports(); !picked) return std::move(picked).error();
  if (auto wrote = write_region_files(region->paths_, options.names, region->ports_, options.mosquitto); !wrote) {
    return std::move(wrote).error();
  }
  region->add_members();
  return region;
}

Region::~Region() {
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) (*member)->process.stop();
}

Result<void> Region::pick_ports() {
  PortPicker picker(options_.seed ^ os::random_seed());
  ports_.further.resize(options_.names.further_edges.size());
  std::vector<int*> ports = {&ports_.core_links, &ports_.core_services, &ports_.core_bridge_metrics, &ports_.relay};
  const auto of = [&](EdgePorts& edge) {
    ports.insert(ports.end(), {&edge.vehicles, &edge.services, &edge.edge_metrics, &edge.edge_bridge_metrics});
  };
  of(ports_);
  std::ranges::for_each(ports_.further, of);
  for (int* port : ports) {
    auto picked = picker.pick();
    if (!picked) return std::move(picked).error();
    *port = *picked;
  }
  return {};
}

void Region::add(const std::string& name, std::vector<std::string> argv, std::function<Result<void>()> wait_ready) {
  std::string file = name;
  for (auto& c : file) c = c == ' ' ? '-' : c;
  members_.push_back(std::make_unique<Member>(
      Member{Process({name, std::move(argv), paths_.logs() + "/" + file + ".log"}), std::move(wait_ready), false, 0}));
}

void Region::add_members() {
  add("core broker", {options_.mosquitto, "-c", paths_.core_mosquitto()}, [this]() -> Result<void> {
    if (wait_port(ports_.core_links, kReadyTimeoutMs) && wait_port(ports_.core_services, kReadyTimeoutMs)) return {};
    return failed_start(members_[0]->process, "its ports do not open");
  });
  add("core bridge", {options_.bin_dir + "/wayside-bridge", "core", "--config", paths_.core_toml()},
      [this] { return wait_file(paths_.core_run() + "/bridge-core.json", *members_[1], ports_.core_bridge_metrics); });
  for (std::size_t edge = kFirstEdge; edge <= options_.names.edges(); ++edge) add_edge(edge);
}

void Region::add_edge(std::size_t edge) {
  const std::size_t broker = members_.size();
  add(numbered_edge(edge) + " broker", {options_.bin_dir + "/wayside-broker", "--config", paths_.edge_toml(edge)},
      [this, edge, broker] {
        return wait_file(paths_.edge_run(edge) + "/ports.json", *members_[broker], ports_.of_edge(edge).edge_metrics);
      });
  add(numbered_edge(edge) + " bridge",
      {options_.bin_dir + "/wayside-bridge", "edge", "--config", paths_.edge_bridge_toml(edge)},
      [this, edge, bridge = broker + 1] {
        return wait_file(paths_.edge_run(edge) + "/bridge-edge.json", *members_[bridge],
                         ports_.of_edge(edge).edge_bridge_metrics);
      });
}

// Ready: the process has written its file with its own id, and says so itself.
Result<void> Region::wait_file(const std::string& path, Member& member, int metrics_port) {
  const os::SystemClock clock;
  const auto until = clock.mono() + kReadyTimeoutMs;
  while (clock.mono() < until) {
    if (!member.process.running()) {
      return failed_start(member.process, "ended at once with " + describe_status(*member.process.last_status()));
    }
    const auto text = os::read_file(path);
    if (text && json_integer(*text, "pid") == member.process.pid()) {
      const auto ready = http_get(metrics_port, "/readyz");
      if (ready && ready->status == 200) return {};
    }
    poll(nullptr, 0, kPollMs);
  }
  return failed_start(member.process, "is not ready in time");
}

Result<void> Region::bring_up(Member& member) {
  member.wanted = true;
  if (auto started = member.process.start(); !started) return started;
  return member.wait_ready();
}

Result<void> Region::start(const Say& say) {
  auto relay = Relay::start(ports_.core_links, ports_.relay);
  if (!relay) return std::move(relay).error();
  relay_ = std::move(*relay);
  for (auto& member : members_) {
    if (auto up = bring_up(*member); !up) return up;
    say(member->process.spec().name + " is up, process " + std::to_string(member->process.pid()));
  }
  return {};
}

Result<void> Region::tend() {
  for (auto& member : members_) {
    if (!member->wanted || member->process.running()) continue;
    ++member->restarts;
    if (auto started = member->process.start(); !started) return started;
  }
  return {};
}

void Region::kill_core() {
  for (std::size_t i = kCoreMembers; i-- > 0;) {
    members_[i]->wanted = false;
    members_[i]->process.kill_now();
  }
}

Result<void> Region::start_core() {
  for (std::size_t i = 0; i < kCoreMembers; ++i) {
    if (auto up = bring_up(*members_[i]); !up) return up;
  }
  return {};
}

Result<bool> Region::replace(const std::string& name, const std::string& bin_dir, bool gently) {
  for (auto& member : members_) {
    if (member->process.spec().name != name) continue;
    const bool clean = gently && member->process.stop();
    member->process.kill_now();
    ProcessSpec spec = member->process.spec();
    spec.argv[0] = bin_dir + "/" + std::filesystem::path(spec.argv[0]).filename().string();
    member = std::make_unique<Member>(
        Member{Process(std::move(spec)), std::move(member->wait_ready), false, member->restarts});
    if (auto up = bring_up(*member); !up) return std::move(up).error();
    return clean;
  }
  return Error{Fault::not_found, "no process of the region is called " + name};
}

bool Region::stop() {
  bool clean = true;
  for (auto member = members_.rbegin(); member != members_.rend(); ++member) {
    if (!(*member)->wanted) continue;
    (*member)->wanted = false;
    clean = (*member)->process.stop() && clean;
  }
  return clean;
}

std::vector<ProcessInfo> Region::processes() {
  std::vector<ProcessInfo> list;
  list.reserve(members_.size() + options_.names.edges());
  for (auto& member : members_) {
    list.push_back(
        {member->process.spec().name, member->process.running() ? member->process.pid() : -1, member->restarts});
  }
  for (std::size_t edge = kFirstEdge; edge <= options_.names.edges(); ++edge) {
    const auto text = os::read_file(paths_.edge_run(edge) + "/ports.json");
    const auto pid = text ? json_integer(*text, "mosquitto_pid") : -1;
    const std::string of = edge == kFirstEdge ? "" : numbered_edge(edge) + " ";
    if (pid > 0) list.push_back({of + "local broker", static_cast<pid_t>(pid), 0});
  }
  return list;
}

}  // namespace wayside::fleet
