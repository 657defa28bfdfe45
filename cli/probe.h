// Asks the processes that have a run folder: what status, top and support-bundle judge.
#pragma once

#include <string>

#include "cli/status/facts.h"
#include "common/clock.h"
#include "common/result.h"

namespace wayside::cli {

inline constexpr const char* kBrokerPorts = "ports.json";  // files of the run folder
inline constexpr const char* kEdgeBridgePorts = "bridge-edge.json";
inline constexpr const char* kCoreBridgePorts = "bridge-core.json";

// The body of GET `path` of the process whose ports file this is, with 200 or with 503, by which a process that is not
// ready says why. Fault::unreachable for another status.
Result<std::string> ask_http(const std::string& ports_file, const std::string& path);

// Admin socket and metrics of an edge, each stamped by the clock as it comes. Only a bridge that does not answer is no
// error: Probe::bridge_why.
Result<Probe> ask_edge(const std::string& run_dir, const Clock& clock);
// What to say where ask_edge has failed: the broker is what tells how the edge is, without it nothing else is asked.
std::string silent_broker(const Error& why);

}  // namespace wayside::cli
