// Everything a wayside-broker needs to start, made in one folder: PKI, keys of commands, configuration.
#pragma once

#include <string>

#include "broker/custody/custody.h"
#include "common/result.h"

namespace wayside::bench {

struct EdgeFiles {
  std::string config;  // edge.toml
  std::string ports;   // written by the broker when it serves
  broker::CustodyOptions custody;
};

// Lanes in the proportions of the default bounds, `spool_bytes` together; all else is default. No local broker.
Result<EdgeFiles> make_edge_files(const std::string& dir, std::uint64_t spool_bytes);
// The same again, of a folder where it was made.
Result<EdgeFiles> open_edge_files(const std::string& dir);

}  // namespace wayside::bench
