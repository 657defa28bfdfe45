#include "fleet/region_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include "common/os/system.h"
#include "fleet/car/journal.h"

namespace wayside::fleet {
namespace {

// A TOML basic string: the same escapes as JSON.
std::string quoted(const std::string& text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string metrics_and_log(int metrics_port) {
  return fmt::format("[metrics]\nlisten = \"127.0.0.1:{}\"\n\n[log]\nformat = \"text\"\nlevel = \"info\"\n",
                     metrics_port);
}

std::string listener(const char* section, int port, const RegionPaths& paths, const std::string& edge) {
  const auto leaf = paths.pki + "/edge/" + edge + "/server";
  return fmt::format("[{}]\nlisten = \"127.0.0.1:{}\"\ncertificate = {}\nkey = {}\nca = {}\ncrl = {}\n", section, port,
                     quoted(leaf + ".crt"), quoted(leaf + ".key"), quoted(paths.pki + "/ca/" + section + ".crt"),
                     quoted(paths.pki + "/crl/" + section + ".crl"));
}

std::string commands_section(const RegionPaths& paths) {
  return fmt::format("[commands]\nroot_key_file = {}\ntrust_dir = {}\n", quoted(paths.pki + "/commands/root.pub"),
                     quoted(paths.pki + "/commands/trust"));
}

std::string edge_section(const RegionPaths& paths, const RegionNames& names, std::size_t edge) {
  return fmt::format("[edge]\nname = {}\nregion = {}\nstate_dir = {}\nrun_dir = {}\n", quoted(names.of_edge(edge)),
                     quoted(names.region), quoted(paths.edge_state(edge)), quoted(paths.edge_run(edge)));
}

std::string edge_toml(const RegionPaths& paths, const RegionNames& names, const RegionPorts& region, std::size_t edge,
                      const std::string& mosquitto) {
  const auto& ports = region.of_edge(edge);
  std::string text = edge_section(paths, names, edge) + "\n";
  text += listener("vehicles", ports.vehicles, paths, names.of_edge(edge)) + "allow_development_ca = true\n\n";
  text += listener("services", ports.services, paths, names.of_edge(edge)) + "\n";
  text += commands_section(paths) + "\n";
  // Lanes of a size that a laptop's volume has free; the broker checks that at start.
  text +=
      "[custody]\nlane_event_bytes_max = 67108864\nlane_state_bytes_max = 536870912\n"
      "lane_bulk_bytes_max = 67108864\n\n";
  text += fmt::format("[local_broker]\nmode = \"managed\"\nexecutable = {}\n\n", quoted(mosquitto));
  text += metrics_and_log(ports.edge_metrics);
  text += fmt::format("\n[privacy]\nregion_key_file = {}\n\n", quoted(paths.pki + "/region.key"));
  text += fmt::format(
      "[[acl]]\nservice = \"{}\"\npublish = [\"request\"]\nsubscribe = [\"status\", \"presence\"]\n"
      "vehicles = [\"*\"]\nordinary = true\n\n",
      kRegionApp);
  text += fmt::format(
      "[[acl]]\nservice = \"{}\"\nsubscribe = [\"status\", \"presence\"]\nvehicles = [\"*\"]\n"
      "ordinary = true\n\n",
      kViewer);
  // The simulated cars keep the ids they executed: a repeat is answered, not executed again.
  text += "[[group]]\nname = \"unlock\"\nidempotent = true\n\n[[group]]\nname = \"climate\"\nidempotent = true\n";
  return text;
}

std::string edge_bridge_toml(const RegionPaths& paths, const RegionNames& names, const RegionPorts& ports,
                             std::size_t edge) {
  const auto leaf = paths.pki + "/edge/" + names.of_edge(edge) + "/link";
  std::string text = edge_section(paths, names, edge);
  text += fmt::format("broker_socket = {}\n\n", quoted(paths.edge_run(edge) + "/bridge.sock"));
  text += fmt::format("[core]\naddress = \"127.0.0.1:{}\"\nca = {}\ncertificate = {}\nkey = {}\n\n", ports.relay,
                      quoted(paths.pki + "/ca/links.crt"), quoted(leaf + ".crt"), quoted(leaf + ".key"));
  return text + metrics_and_log(ports.of_edge(edge).edge_bridge_metrics);
}

std::string core_toml(const RegionPaths& paths, const RegionNames& names, const RegionPorts& ports) {
  const auto leaf = paths.pki + "/core/" + names.core + "/link";
  std::string text = fmt::format("[core]\nname = {}\nstate_dir = {}\nrun_dir = {}\n\n", quoted(names.core),
                                 quoted(paths.core_state()), quoted(paths.core_run()));
  text += fmt::format("[broker]\naddress = \"127.0.0.1:{}\"\nca = {}\ncertificate = {}\nkey = {}\n\n", ports.core_links,
                      quoted(paths.pki + "/ca/links.crt"), quoted(leaf + ".crt"), quoted(leaf + ".key"));
  text += commands_section(paths) + "\n" + metrics_and_log(ports.core_bridge_metrics) + "\n";
  for (std::size_t edge = kFirstEdge; edge <= names.edges(); ++edge) {
    text += fmt::format("[[edge]]\nname = {}\nregion = {}\n\n", quoted(names.of_edge(edge)), quoted(names.region));
  }
  text += fmt::format("[[sink]]\ntype = \"file\"\npath = {}\n\n", quoted(paths.sink()));
  return text + "[[sink]]\ntype = \"mqtt\"\nvalue_format = \"json\"\n";
}

std::string core_listener(int port, const std::string& ca, const RegionPaths& paths, const RegionNames& names) {
  const auto leaf = paths.pki + "/core/" + names.core + "/server";
  return fmt::format(
      "\nlistener {} 127.0.0.1\ncafile {}/ca/{}.crt\ncrlfile {}/crl/{}.crl\ncertfile {}.crt\nkeyfile {}.key\n"
      "require_certificate true\nuse_identity_as_username true\nacl_file {}/{}.acl\n",
      port, paths.pki, ca, paths.pki, ca, leaf, leaf, paths.core_broker(), ca);
}

std::string core_mosquitto(const RegionPaths& paths, const RegionNames& names, const RegionPorts& ports) {
  std::string text = fmt::format(
      "per_listener_settings true\npersistence true\npersistence_location {}/\nautosave_interval 60\n"
      "log_dest stderr\nlog_type error\nlog_type warning\nlog_type notice\n",
      paths.core_broker());
  // Started by root it would drop to a user who may not read the keys; started by us it stays who we are.
  if (geteuid() == 0) text += "user root\n";
  text += core_listener(ports.core_links, "links", paths, names);
  text += core_listener(ports.core_services, "services", paths, names);
  return text;
}

// Each edge its own tree and no other's.
std::string links_acl(const RegionNames& names) {
  std::string text;
  for (std::size_t edge = kFirstEdge; edge <= names.edges(); ++edge) {
    text += fmt::format("user {}\ntopic readwrite wayside/{}/#\n\n", names.of_edge(edge), names.of_edge(edge));
  }
  return text + fmt::format("user {}\ntopic readwrite wayside/#\ntopic readwrite v1/#\n", names.core);
}

std::string services_acl() {
  return fmt::format(
      "user {}\ntopic write v1/+/request\ntopic read v1/#\ntopic read wayside/answer/{}\n\nuser {}\n"
      "topic read v1/#\n",
      kBackend, kBackend, kViewer);
}

}  // namespace

std::string numbered_edge(std::size_t edge) { return edge == kFirstEdge ? "edge" : "edge-" + std::to_string(edge); }

Result<void> write_region_files(const RegionPaths& paths, const RegionNames& names, const RegionPorts& ports,
                                const std::string& mosquitto) {
  std::vector<std::string> folders = {paths.core_state(), paths.core_run(), paths.core_broker(),
                                      paths.sink(),       paths.journals(), paths.logs()};
  std::vector<std::pair<std::string, std::string>> files = {
      {paths.core_toml(), core_toml(paths, names, ports)},
      {paths.core_mosquitto(), core_mosquitto(paths, names, ports)},
      {paths.core_broker() + "/links.acl", links_acl(names)},
      {paths.core_broker() + "/services.acl", services_acl()}};
  for (std::size_t edge = kFirstEdge; edge <= names.edges(); ++edge) {
    folders.insert(folders.end(), {paths.edge_state(edge), paths.edge_run(edge)});
    files.emplace_back(paths.edge_toml(edge), edge_toml(paths, names, ports, edge, mosquitto));
    files.emplace_back(paths.edge_bridge_toml(edge), edge_bridge_toml(paths, names, ports, edge));
  }
  for (const auto& folder : folders) {
    if (auto made = os::make_dirs(folder); !made) return made;
  }
  for (const auto& [path, text] : files) {
    if (auto written = os::write_file_atomic(path, text, 0600); !written) return written;
  }
  return {};
}

}  // namespace wayside::fleet
