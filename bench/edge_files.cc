#include "bench/edge_files.h"

#include <fmt/format.h>

#include "broker/config.h"
#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/os/system.h"

namespace wayside::bench {
namespace {

constexpr std::uint64_t kStepBytes = 1U << 20U;

Result<config::Config> load(const std::string& file) {
  config::Problems problems;
  auto loaded = config::load(broker::config_table(), {file, {}, {}}, problems);
  if (!loaded) return Error{Fault::config, problems.lines.empty() ? file : problems.lines.front()};
  return *std::move(loaded);
}

std::string base_text(const std::string& dir) {
  const std::string pki = dir + "/pki";
  return fmt::format(
      "[edge]\nname = \"edge-1\"\nregion = \"bench\"\nstate_dir = \"{0}/state\"\nrun_dir = \"{0}/run\"\n"
      "[vehicles]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{1}/edge/edge-1/server.crt\"\n"
      "key = \"{1}/edge/edge-1/server.key\"\nca = \"{1}/ca/vehicles.crt\"\nallow_development_ca = true\n"
      "[commands]\nroot_key_file = \"{1}/commands/root.pub\"\ntrust_dir = \"{1}/commands/trust\"\n"
      "[local_broker]\nmode = \"off\"\n",
      dir, pki);
}

Result<void> make_keys(const std::string& pki_dir) {
  auto pki = certs::Pki::init(pki_dir, {.development = true});
  if (!pki) return std::move(pki).error();
  if (auto issued = pki->issue_edge("edge-1"); !issued) return issued;
  auto keys = certs::CommandKeys::open(pki_dir);
  if (!keys) return std::move(keys).error();
  if (auto made = keys->init_root(); !made) return made;
  if (auto made = keys->new_grant_key(); !made) return std::move(made).error();
  if (auto trusted = keys->trust(os::SystemClock().wall()); !trusted) return std::move(trusted).error();
  return {};
}

std::string lanes_text(const broker::CustodyOptions& defaults, std::uint64_t spool_bytes) {
  std::uint64_t sum = 0;
  for (const std::uint64_t bytes : defaults.lane_bytes_max) sum += bytes;
  const double factor = static_cast<double>(spool_bytes) / static_cast<double>(sum);
  std::string text = "[custody]\n";
  for (const Lane lane : kAllLanes) {
    const double bytes = static_cast<double>(defaults.lane_bytes_max[index_of(lane)]) * factor;
    const auto steps = static_cast<std::uint64_t>(bytes / kStepBytes + 0.5);
    text += fmt::format("lane_{}_bytes_max = {}\n", to_string(lane), steps * kStepBytes);
  }
  return text;
}

}  // namespace

Result<EdgeFiles> make_edge_files(const std::string& dir, std::uint64_t spool_bytes) {
  const std::string file = dir + "/edge.toml";
  if (auto made = os::make_dirs(dir); !made) return std::move(made).error();
  if (auto made = make_keys(dir + "/pki"); !made) return std::move(made).error();
  if (auto wrote = os::write_file_atomic(file, base_text(dir), 0600); !wrote) return std::move(wrote).error();
  auto defaults = load(file);
  if (!defaults) return std::move(defaults).error();
  const std::string lanes = lanes_text(broker::custody_options(*defaults), spool_bytes);
  if (auto wrote = os::write_file_atomic(file, base_text(dir) + lanes, 0600); !wrote) return std::move(wrote).error();
  return open_edge_files(dir);
}

Result<EdgeFiles> open_edge_files(const std::string& dir) {
  auto config = load(dir + "/edge.toml");
  if (!config) return std::move(config).error();
  if (auto made = os::make_dirs(broker::folders(*config).state_dir); !made) return std::move(made).error();
  return EdgeFiles{dir + "/edge.toml", broker::folders(*config).in_run("ports.json"), broker::custody_options(*config)};
}

}  // namespace wayside::bench
