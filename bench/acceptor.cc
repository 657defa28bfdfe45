#include "bench/acceptor.h"

#include <fmt/format.h>
#include <unistd.h>

#include <sstream>

#include "bench/process_cpu.h"
#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/os/system.h"
#include "fleet/region.h"

namespace wayside::bench {
namespace {

constexpr int kReadyTimeoutMs = 15'000;

// Threads may have children of their own: a child belongs to the thread that made it.
Result<std::vector<pid_t>> children_of(pid_t pid) {
  std::vector<pid_t> children;
  const std::string file = fmt::format("/proc/{}/task/{}/children", pid, pid);
  auto text = os::read_file(file);
  if (!text) return std::move(text).error();
  std::istringstream words(*text);
  for (pid_t child = 0; words >> child;) children.push_back(child);
  return children;
}

Result<std::unique_ptr<Acceptor>> started(std::unique_ptr<Acceptor> acceptor) {
  if (auto up = acceptor->start(); !up) return std::move(up).error();
  return acceptor;
}

std::string broker_toml(const AcceptorOptions& options) {
  const std::string& pki = options.pki;
  std::string text =
      fmt::format("[edge]\nname = \"edge-1\"\nregion = \"bench\"\nstate_dir = \"{}/state\"\nrun_dir = \"{}/run\"\n\n",
                  options.dir, options.dir);
  text += fmt::format(
      "[vehicles]\nlisten = \"127.0.0.1:{}\"\ncertificate = \"{}/edge/edge-1/server.crt\"\n"
      "key = \"{}/edge/edge-1/server.key\"\nca = \"{}/ca/vehicles.crt\"\ncrl = \"{}/crl/vehicles.crl\"\n"
      "allow_development_ca = true\nio_threads = 1\n\n",
      options.port, pki, pki, pki, pki);
  text += "[custody]\nlane_state_bytes_max = 6442450944\n\n";
  text += fmt::format("[commands]\nroot_key_file = \"{}/commands/root.pub\"\ntrust_dir = \"{}/commands/trust\"\n\n",
                      pki, pki);
  text += fmt::format("[local_broker]\nmode = \"managed\"\nexecutable = \"{}\"\n\n", options.mosquitto);
  return text + fmt::format("[privacy]\nregion_key_file = \"{}/region.key\"\n", pki);
}

std::string mosquitto_conf(const AcceptorOptions& options) {
  // Started by root it would drop to a user who may not read the keys.
  std::string text = geteuid() == 0 ? "user root\n" : "";
  text += "log_dest stderr\nlog_type error\nallow_anonymous true\npersistence false\n";
  text += "max_queued_messages 0\nmax_inflight_messages 1000\n";
  if (!options.nagle) text += "set_tcp_nodelay true\n";
  const std::string leaf = options.pki + "/edge/edge-1/server";
  return text + fmt::format(
                    "listener {} 127.0.0.1\ncafile {}/ca/vehicles.crt\ncertfile {}.crt\nkeyfile {}.key\n"
                    "require_certificate true\n",
                    options.port, options.pki, leaf, leaf);
}

// This program again.
Result<std::unique_ptr<Acceptor>> start_loop(const AcceptorOptions& options, const std::string& name,
                                             const std::vector<std::string>& more) {
  if (auto made = os::make_dirs(options.dir); !made) return std::move(made).error();
  std::vector<std::string> command = {fleet::own_bin_dir() + "/bench_custody", "--dir", options.pki, "--bare",
                                      std::to_string(options.port)};
  command.insert(command.end(), more.begin(), more.end());
  return started(
      std::make_unique<Acceptor>(name, fleet::ProcessSpec{name, command, options.dir + "/loop.log"}, options.port));
}

}  // namespace

Result<void> make_bench_pki(const std::string& dir) {
  auto pki = certs::Pki::init(dir, {.development = true});
  if (!pki) return std::move(pki).error();
  if (auto issued = pki->issue_edge("edge-1"); !issued) return issued;
  auto keys = certs::CommandKeys::open(dir);
  if (!keys) return std::move(keys).error();
  if (auto made = keys->init_root(); !made) return made;
  if (auto made = keys->new_grant_key(); !made) return std::move(made).error();
  if (auto listed = keys->trust(os::SystemClock().wall()); !listed) return std::move(listed).error();
  return {};
}

Result<void> Acceptor::start() {
  if (auto up = process_.start(); !up) return up;
  if (fleet::wait_port(port_, kReadyTimeoutMs)) return {};
  return Error{Fault::unreachable, name_ + " does not start:\n" + fleet::log_tail(process_.spec().log_file), 0};
}

Result<double> Acceptor::cpu_s() const {
  auto total = cpu_seconds(pid());
  if (!total) return total;
  auto children = children_of(pid());
  if (!children) return std::move(children).error();
  for (const pid_t child : *children) {
    auto used = cpu_seconds(child);
    if (!used) return used;
    *total += *used;
  }
  return total;
}

Result<std::uint64_t> Acceptor::written_bytes() const {
  const std::string file = fmt::format("/proc/{}/io", pid());
  auto text = os::read_file(file);
  if (!text) return std::move(text).error();
  std::istringstream words(*text);
  for (std::string word; words >> word;) {
    std::uint64_t value = 0;
    if (word == "write_bytes:" && words >> value) return value;
  }
  return Error{Fault::malformed, file, 0};
}

Result<std::unique_ptr<Acceptor>> start_broker(const AcceptorOptions& options) {
  if (auto made = os::make_dirs(options.dir + "/state"); !made) return std::move(made).error();
  const std::string file = options.dir + "/edge.toml";
  if (auto written = os::write_file_atomic(file, broker_toml(options), 0600); !written) {
    return std::move(written).error();
  }
  const std::string program = fleet::own_bin_dir() + "/wayside-broker";
  return started(std::make_unique<Acceptor>(
      "wayside", fleet::ProcessSpec{"wayside-broker", {program, "--config", file}, options.dir + "/broker.log"},
      options.port));
}

Result<std::unique_ptr<Acceptor>> start_mosquitto(const AcceptorOptions& options) {
  if (auto made = os::make_dirs(options.dir); !made) return std::move(made).error();
  const std::string file = options.dir + "/mosquitto.conf";
  if (auto written = os::write_file_atomic(file, mosquitto_conf(options), 0600); !written) {
    return std::move(written).error();
  }
  return started(std::make_unique<Acceptor>(
      "mosquitto", fleet::ProcessSpec{"mosquitto", {options.mosquitto, "-c", file}, options.dir + "/mosquitto.log"},
      options.port));
}

Result<std::unique_ptr<Acceptor>> start_bare(const AcceptorOptions& options) {
  return start_loop(options, "bare loop", {});
}

Result<std::unique_ptr<Acceptor>> start_durable(const AcceptorOptions& options) {
  return start_loop(options, "durable loop", {"--durable", options.dir + "/group"});
}

}  // namespace wayside::bench
