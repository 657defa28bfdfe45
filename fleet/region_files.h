// The files a region on one machine needs: PKI and grants, and the configuration of every process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"

namespace wayside::fleet {

// Edges are counted from 1. The first has the plain names (folder `edge`, processes "edge broker", "edge bridge"),
// the others their number in them (folder `edge-2`, "edge-2 broker").
inline constexpr std::size_t kFirstEdge = 1;
std::string numbered_edge(std::size_t edge);  // "edge", "edge-2"

struct EdgePorts {
  int vehicles = 0;  // vehicles listener
  int services = 0;  // services listener
  int edge_metrics = 0;
  int edge_bridge_metrics = 0;
};

struct RegionPorts : EdgePorts {  // of the first edge
  int core_links = 0;             // core broker: edges and the core bridge
  int core_services = 0;          // core broker: backends
  int core_bridge_metrics = 0;
  int relay = 0;  // where the bridges of all edges connect; passes on to core_links
  std::vector<EdgePorts> further = {};
  [[nodiscard]] const EdgePorts& of_edge(std::size_t edge) const {
    return edge == kFirstEdge ? *this : further.at(edge - kFirstEdge - 1);
  }
};

// Everything lies in one folder; a run's processes share nothing outside it.
struct RegionPaths {
  std::string dir;
  std::string pki;
  explicit RegionPaths(std::string root, std::string pki_dir)
      : dir(std::move(root)), pki(pki_dir.empty() ? dir + "/pki" : std::move(pki_dir)) {}
  [[nodiscard]] std::string edge_dir(std::size_t edge = kFirstEdge) const { return dir + "/" + numbered_edge(edge); }
  [[nodiscard]] std::string edge_state(std::size_t edge = kFirstEdge) const { return edge_dir(edge) + "/state"; }
  [[nodiscard]] std::string edge_run(std::size_t edge = kFirstEdge) const { return edge_dir(edge) + "/run"; }
  [[nodiscard]] std::string core_state() const { return dir + "/core/state"; }
  [[nodiscard]] std::string core_run() const { return dir + "/core/run"; }
  [[nodiscard]] std::string core_broker() const { return dir + "/core/broker"; }
  [[nodiscard]] std::string sink() const { return dir + "/sink"; }
  [[nodiscard]] std::string journals() const { return dir + "/journals"; }
  [[nodiscard]] std::string logs() const { return dir + "/logs"; }
  [[nodiscard]] std::string edge_toml(std::size_t edge = kFirstEdge) const { return edge_dir(edge) + "/edge.toml"; }
  [[nodiscard]] std::string edge_bridge_toml(std::size_t edge = kFirstEdge) const {
    return edge_dir(edge) + "/edge-bridge.toml";
  }
  [[nodiscard]] std::string core_toml() const { return dir + "/core/core.toml"; }
  [[nodiscard]] std::string core_mosquitto() const { return dir + "/core/broker/mosquitto.conf"; }
  [[nodiscard]] std::string admin_socket(std::size_t edge = kFirstEdge) const { return edge_run(edge) + "/admin.sock"; }
};

struct RegionNames {
  std::string region = "demo";
  std::string edge = "edge-1";
  std::string core = "core-1";
  std::vector<std::string> further_edges = {};  // of the same region and core: edge 2 and on
  [[nodiscard]] std::size_t edges() const { return 1 + further_edges.size(); }
  [[nodiscard]] const std::string& of_edge(std::size_t number) const {
    return number == kFirstEdge ? edge : further_edges.at(number - kFirstEdge - 1);
  }
};

inline constexpr const char* kBackend = "backend";       // asks through the core
inline constexpr const char* kRegionApp = "region-app";  // asks at the edge
inline constexpr const char* kViewer = "viewer";         // only looks

// A development PKI with certificates for `vehicles`, issuers, trust list 1 and grants of 24 hours for the groups
// climate and unlock. Leaves what is there: a folder made before is used and completed.
Result<void> make_region_pki(const std::string& pki, const RegionNames& names,
                             const std::vector<std::string>& vehicles);
// The vehicles a PKI folder has certificates for, sorted.
Result<std::vector<std::string>> vehicles_of(const std::string& pki);
// Folders and configuration files. `mosquitto`: path of the program.
Result<void> write_region_files(const RegionPaths& paths, const RegionNames& names, const RegionPorts& ports,
                                const std::string& mosquitto);

}  // namespace wayside::fleet
