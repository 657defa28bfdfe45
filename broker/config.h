// Configuration of wayside-broker: the table of its keys, and what each part is told from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/admin/admin_server.h"
#include "broker/admin/bridge_server.h"
#include "broker/commands/desk.h"
#include "broker/custody/custody.h"
#include "broker/gate/options.h"
#include "broker/localbroker/local_broker.h"
#include "common/config/config.h"
#include "common/log/log.h"
#include "common/result.h"

namespace wayside::broker {

// The one declarative table (design section 10): parser, checks, --help, documentation and the
// comparison with Helm values come from it.
const config::Table& config_table();

struct Folders {
  std::string state_dir;  // durable: spool, sessions, commands, door counts
  std::string run_dir;    // sockets and ports.json; 0700
  [[nodiscard]] std::string in_state(const std::string& name) const { return state_dir + "/" + name; }
  [[nodiscard]] std::string in_run(const std::string& name) const { return run_dir + "/" + name; }
};
Folders folders(const config::Config& config);

// Rules between keys and closed sets inside lists, each "key: sentence"; empty when all hold.
std::vector<std::string> cross_check(const config::Config& config);

log::Options log_options(const config::Config& config);
gate::GateOptions gate_options(const config::Config& config, Bytes region_key);
CustodyOptions custody_options(const config::Config& config);
// Reads the root key file. The ack lane is custody's.
Result<DeskOptions> desk_options(const config::Config& config, AckLane ack_lane);
AdminServer::Options admin_options(const config::Config& config);
BridgeServer::Options bridge_socket_options(const config::Config& config);
LocalBrokerOptions local_broker_options(const config::Config& config);

struct Address {
  std::string host;
  int port = 0;
};
Result<Address> parse_address(const std::string& text);  // "host:port", "[v6]:port"

}  // namespace wayside::broker
