// Configuration of wayside-bridge: the two tables of its keys, and what each part is told from them.
#pragma once

#include <string>
#include <vector>

#include "bridge/core/core_link.h"
#include "bridge/edge/edge_link.h"
#include "bridge/run/mqtt_connection.h"
#include "common/config/config.h"
#include "common/log/log.h"
#include "common/result.h"

namespace wayside::bridge::run {

const config::Table& edge_table();
const config::Table& core_table();

// Rules between keys, each "key: sentence"; empty when all hold.
std::vector<std::string> check_edge(const config::Config& config);
std::vector<std::string> check_core(const config::Config& config);

// What a connection to the core broker is made with. `section`: "core" of an edge, "broker" of a core.
struct LinkPaths {
  std::string ca;
  std::string certificate;
  std::string key;
};
LinkPaths link_paths(const config::Config& config, const std::string& section);

edge::EdgeOptions edge_options(const config::Config& config);
MqttOptions edge_connection(const config::Config& config, const LinkPaths& files, link::Channel channel);

core::CoreOptions core_options(const config::Config& config);
core::CoreLogOptions core_log_options(const config::Config& config);
// `role`: "urgent", "bulk" or "sink-<n>": part of the client identifier.
MqttOptions core_connection(const config::Config& config, const LinkPaths& files, const std::string& role,
                            std::vector<std::string> filters);

struct SinkOptions {
  bool mqtt = false;
  bool flatbuffers = false;
  std::string path;  // of file
};
std::vector<SinkOptions> sink_options(const config::Config& config);

log::Options log_options(const config::Config& config, const std::string& process);
struct ListenAddress {
  std::string host;
  int port = 0;
};
Result<ListenAddress> parse_listen(const std::string& text);  // "host:port"

}  // namespace wayside::bridge::run
