#include "broker/config.h"

#include <charconv>
#include <utility>

namespace wayside::broker {
namespace {

constexpr std::size_t kTrustedProxiesMax = 64;  // looked through at each connection

std::uint32_t u32(const config::Config& config, std::string_view key) {
  return static_cast<std::uint32_t>(config.integer(key));
}
std::uint64_t u64(const config::Config& config, std::string_view key) {
  return static_cast<std::uint64_t>(config.integer(key));
}

gate::ProxyOptions proxy(const config::Config& config) {
  gate::ProxyOptions proxy;
  proxy.required = config.text("vehicles.proxy_protocol") == "required";
  for (const std::string& text : config.list("vehicles.trusted_proxies")) {
    if (Result<proxyheader::Network> network = proxyheader::parse_network(text); network.ok()) {
      proxy.trusted.push_back(*network);  // cross_check() has refused what is none
    }
  }
  return proxy;
}

gate::ListenerOptions listener(const config::Config& config, const std::string& section) {
  return {config.text(section + ".listen"), config.text(section + ".certificate"), config.text(section + ".key"),
          config.text(section + ".ca"), config.text(section + ".crl")};
}

identity::Rule identity_rule(const config::Config& config) {
  identity::Rule rule;
  const std::string& source = config.text("vehicles.identity_source");
  if (source == "san_dns") rule.source = identity::Source::san_dns;
  if (source == "cn") rule.source = identity::Source::cn;
  rule.vin = config.boolean("vehicles.identity_vin");
  return rule;
}

session::Limits session_limits(const config::Config& config) {
  session::Limits limits;
  limits.packet_bytes_max = u32(config, "vehicles.packet_bytes_max");
  limits.first_packet_bytes_max = u32(config, "vehicles.first_packet_bytes_max");
  limits.receive_maximum = static_cast<std::uint16_t>(config.integer("vehicles.receive_maximum"));
  limits.keep_alive_max_s = static_cast<std::uint16_t>(config.integer("vehicles.keep_alive_max_s"));
  limits.session_expiry_max_s = u32(config, "vehicles.session_expiry_max_s");
  limits.subscriptions_max = u32(config, "vehicles.subscriptions_max");
  limits.topic_alias_max = static_cast<std::uint16_t>(config.integer("vehicles.topic_alias_max"));
  limits.sent_max = u32(config, "vehicles.sent_max");
  limits.waiting_max = u32(config, "vehicles.waiting_max");
  limits.saves_max = u32(config, "vehicles.saves_max");
  limits.park_packets_max = u32(config, "vehicles.park_packets_max");
  limits.park_bytes_max = u32(config, "vehicles.park_bytes_max");
  limits.unreleased_ids_max = u32(config, "vehicles.unreleased_ids_max");
  return limits;
}

command::Limits command_limits(const config::Config& config) {
  command::Limits limits;
  limits.deadline_max_ms = config.integer("commands.deadline_max_s") * 1000;
  limits.open_per_issuer_max = u32(config, "commands.open_per_issuer_max");
  limits.open_per_vehicle_max = u32(config, "commands.open_per_vehicle_max");
  limits.open_max = u32(config, "commands.open_max");
  limits.open_bytes_max = u64(config, "commands.open_bytes_max");
  limits.acks_per_command_max = u32(config, "commands.acks_per_command_max");
  limits.ack_bytes_max = u32(config, "commands.ack_bytes_max");
  limits.stray_acks_max = u32(config, "commands.stray_acks_max");
  limits.stray_acks_interval_ms = config.integer("commands.stray_acks_interval_ms");
  limits.outbox_max = u32(config, "commands.outbox_max");
  limits.outcome_wait_ms = config.integer("commands.outcome_wait_ms");
  limits.clock_step_max_ms = config.integer("commands.clock_step_max_s") * 1000;
  limits.store_retry_ms = config.integer("commands.store_retry_ms");
  limits.closed_keep_ms = config.integer("commands.closed_keep_s") * 1000;
  limits.purge_interval_ms = config.integer("commands.purge_interval_ms");
  return limits;
}

bool holds(const std::vector<std::string>& items, std::string_view item) {
  for (const std::string& one : items) {
    if (one == item) return true;
  }
  return false;
}

session::Acl acl(const config::Config& entry) {
  session::Acl acl;
  acl.service = entry.text("service");
  acl.publish_request = holds(entry.list("publish"), "request");
  acl.subscribe_status = holds(entry.list("subscribe"), "status");
  acl.subscribe_presence = holds(entry.list("subscribe"), "presence");
  acl.all_vehicles = holds(entry.list("vehicles"), "*");
  for (const std::string& vehicle : entry.list("vehicles")) {
    if (vehicle != "*") acl.vehicles.insert(vehicle);
  }
  acl.ordinary = entry.boolean("ordinary");
  return acl;
}

void check_words(const config::Config& entry, std::string_view key, const std::vector<std::string_view>& allowed,
                 std::vector<std::string>& problems) {
  for (const std::string& word : entry.list(key)) {
    bool known = false;
    for (const std::string_view one : allowed) known = known || one == word;
    if (known) continue;
    const std::string near = config::nearest(word, allowed);
    problems.push_back("acl." + std::string(key) + ": \"" + log::clean(word) + "\" is no row" +
                       (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
}

void check_listen(const config::Config& config, std::string_view key, bool may_be_empty,
                  std::vector<std::string>& problems) {
  const std::string& value = config.text(key);
  if (value.empty() && may_be_empty) return;
  if (Result<Address> address = parse_address(value); !address.ok()) {
    problems.push_back(std::string(key) + ": " + address.error().what);
  }
}

void check_proxies(const config::Config& config, std::vector<std::string>& problems) {
  const config::Value& trusted = config.value("vehicles.trusted_proxies");
  const std::string key = trusted.source + ": vehicles.trusted_proxies: ";
  for (const std::string& text : trusted.items) {
    if (Result<proxyheader::Network> network = proxyheader::parse_network(text); !network.ok()) {
      problems.push_back(key + "\"" + log::clean(text) + "\" " + network.error().what);
    }
  }
  if (trusted.items.size() > kTrustedProxiesMax) {
    problems.push_back(key + "at most " + std::to_string(kTrustedProxiesMax) + " networks");
  }
  const config::Value& mode = config.value("vehicles.proxy_protocol");
  const bool required = mode.text == "required";
  if (required && trusted.items.empty()) {
    problems.push_back(mode.source + ": vehicles.proxy_protocol: \"required\" needs vehicles.trusted_proxies");
  }
  if (!required && !trusted.items.empty()) {
    problems.push_back(key + "without vehicles.proxy_protocol = \"required\" nobody is asked for a header");
  }
}

// Were it less, lanes with nothing but their open segments could leave no room for anything.
void check_total(const config::Config& config, std::vector<std::string>& problems) {
  const std::int64_t total = config.integer("custody.total_bytes_max");
  const std::int64_t least = config.integer("custody.urgent_reserve_bytes") +
                             (static_cast<std::int64_t>(kLanes) + 1) * config.integer("custody.segment_bytes_max");
  if (total != 0 && total < least) {
    problems.push_back("custody.total_bytes_max: 0, or at least " + std::to_string(least) +
                       ": custody.urgent_reserve_bytes and six custody.segment_bytes_max");
  }
  if (config.integer("custody.mark_warn_percent") > config.integer("custody.mark_high_percent")) {
    problems.emplace_back("custody.mark_warn_percent: above custody.mark_high_percent");
  }
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) port = -1;
  }
  if (port < 0 || port > 65'535 || colon == 0) {
    return Error{Fault::config, "\"" + log::clean(text) + "\" is not host:port"};
  }
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return Address{std::move(host), port};
}

Folders folders(const config::Config& config) { return {config.text("edge.state_dir"), config.text("edge.run_dir")}; }

std::vector<std::string> cross_check(const config::Config& config) {
  std::vector<std::string> problems;
  check_listen(config, "vehicles.listen", false, problems);
  check_proxies(config, problems);
  check_listen(config, "services.listen", true, problems);
  check_listen(config, "metrics.listen", false, problems);
  if (!config.text("services.listen").empty()) {
    for (const char* key : {"services.certificate", "services.key", "services.ca"}) {
      if (config.text(key).empty()) problems.push_back(std::string(key) + ": needed by services.listen");
    }
  }
  if (config.text("local_broker.mode") == "external" && config.text("local_broker.socket").empty()) {
    problems.emplace_back("local_broker.socket: needed by local_broker.mode = \"external\"");
  }
  for (const Lane lane : kAllLanes) {
    const std::string key = std::string("custody.lane_") + to_string(lane) + "_bytes_max";
    // One segment is being written while another waits for its settlement.
    if (config.integer(key) < 2 * config.integer("custody.segment_bytes_max")) {
      problems.push_back(key + ": at least twice custody.segment_bytes_max");
    }
  }
  check_total(config, problems);
  for (const config::Config& entry : config.entries("acl")) {
    check_words(entry, "publish", {"request"}, problems);
    check_words(entry, "subscribe", {"status", "presence"}, problems);
  }
  return problems;
}

log::Options log_options(const config::Config& config) {
  log::Options options;
  options.process = "wayside-broker";
  options.format = config.text("log.format") == "json" ? log::Format::json : log::Format::text;
  const std::string& level = config.text("log.level");
  if (level == "debug") options.level = log::Level::debug;
  if (level == "warning") options.level = log::Level::warning;
  if (level == "error") options.level = log::Level::error;
  return options;
}

gate::GateOptions gate_options(const config::Config& config, Bytes region_key) {
  gate::GateOptions options;
  options.edge = config.text("edge.name");
  options.vehicles = listener(config, "vehicles");
  options.services = listener(config, "services");
  options.proxy = proxy(config);
  const std::string& deny_list = config.text("vehicles.deny_list");
  options.deny_list = deny_list.empty() ? folders(config).in_state("deny.list") : deny_list;
  options.identity = identity_rule(config);
  options.allow_development_ca = config.boolean("vehicles.allow_development_ca");
  options.io_threads = u32(config, "vehicles.io_threads");
  options.connections_max = u32(config, "vehicles.connections_max");
  options.tls_sessions_max = u32(config, "vehicles.tls_sessions_max");
  options.tls_session_lifetime_s = u32(config, "vehicles.tls_session_lifetime_s");
  options.handshakes_max = u32(config, "vehicles.handshakes_max");
  options.handshake_ms_max = u32(config, "vehicles.handshake_ms_max");
  options.connect_ms_max = u32(config, "vehicles.connect_ms_max");
  options.output_bytes_max = u32(config, "vehicles.output_bytes_max");
  options.tcp_user_timeout_ms = u32(config, "vehicles.tcp_user_timeout_ms");
  options.refusal_rows_max = u32(config, "vehicles.refusal_rows_max");
  options.watch_interval_ms = u32(config, "vehicles.watch_interval_ms");
  options.service_events_max = u32(config, "services.events_max");
  options.ordinary = config.text("local_broker.mode") != "off";
  options.limits = session_limits(config);
  for (const config::Config& entry : config.entries("acl")) options.acl.push_back(acl(entry));
  options.region_key = std::move(region_key);
  return options;
}

CustodyOptions custody_options(const config::Config& config) {
  CustodyOptions options;
  options.spool_root = folders(config).in_state("spool");
  options.door_file = folders(config).in_state("door.counts");
  options.commit_interval_ms = config.integer("custody.commit_interval_ms");
  options.commit_bytes = u64(config, "custody.commit_bytes");
  options.bulk_unsynced_bytes_max = u64(config, "custody.bulk_unsynced_bytes_max");
  options.queue_bytes_max = u64(config, "custody.queue_bytes_max");
  options.segment_bytes_max = u64(config, "custody.segment_bytes_max");
  options.lane_cached_bytes_max = u64(config, "custody.lane_cached_bytes_max");
  options.record_bytes_max = u32(config, "custody.record_bytes_max");
  options.total_bytes_max = u64(config, "custody.total_bytes_max");
  options.urgent_reserve_bytes = u64(config, "custody.urgent_reserve_bytes");
  options.marks = {u32(config, "custody.mark_warn_percent"), u32(config, "custody.mark_high_percent"),
                   u32(config, "custody.mark_hysteresis_percent")};
  options.volume_reserve_bytes = u64(config, "custody.volume_reserve_bytes");
  options.store_file = folders(config).in_state("commands.db");
  options.closed_bytes_max = u64(config, "commands.closed_bytes_max");
  options.store_bytes_max = u64(config, "commands.open_bytes_max") + options.closed_bytes_max;
  options.sessions_keep = true;
  for (const Lane lane : kAllLanes) {
    options.lane_bytes_max[index_of(lane)] = u64(config, std::string("custody.lane_") + to_string(lane) + "_bytes_max");
  }
  return options;
}

AdminServer::Options admin_options(const config::Config& config) {
  return {u64(config, "admin_socket.connections_max"), u64(config, "admin_socket.line_bytes_max"),
          u64(config, "admin_socket.output_bytes_max")};
}

BridgeServer::Options bridge_socket_options(const config::Config& config) {
  return {u64(config, "bridge_socket.connections_max"), u64(config, "bridge_socket.requests_max"),
          u64(config, "bridge_socket.output_bytes_max")};
}

Result<DeskOptions> desk_options(const config::Config& config, AckLane ack_lane) {
  const std::string& path = config.text("commands.root_key_file");
  Result<intent::PublicKey> root_key = read_public_key(path);
  if (!root_key.ok()) return std::move(root_key).error().with("commands.root_key_file " + path);
  DeskOptions options;
  options.edge = config.text("edge.name");
  options.region = config.text("edge.region");
  options.store_file = folders(config).in_state("commands.db");
  options.trust_dir = config.text("commands.trust_dir");
  options.root_key = *root_key;
  options.ack_lane = std::move(ack_lane);
  for (const config::Config& entry : config.entries("group")) {
    options.groups[entry.text("name")] = entry.boolean("idempotent");
  }
  options.limits = command_limits(config);
  options.store.counters_max = u64(config, "commands.counters_max");
  options.store.closed_bytes_max = u64(config, "commands.closed_bytes_max");
  options.mailbox_messages_max = u64(config, "commands.mailbox_messages_max");
  options.mailbox_acks_per_vehicle_max = u64(config, "commands.mailbox_acks_per_vehicle_max");
  options.look_interval_ms = config.integer("commands.look_interval_ms");
  return options;
}

LocalBrokerOptions local_broker_options(const config::Config& config) {
  LocalBrokerOptions options;
  const std::string& mode = config.text("local_broker.mode");
  if (mode == "external") options.mode = LocalBrokerMode::external;
  if (mode == "off") options.mode = LocalBrokerMode::off;
  options.executable = config.text("local_broker.executable");
  const std::string& socket = config.text("local_broker.socket");
  options.socket = socket.empty() ? folders(config).in_run("local/mqtt.sock") : socket;
  options.state_dir = config.text("edge.state_dir");
  options.limits.waiting_bytes_max = u64(config, "local_broker.waiting_bytes_max");
  options.limits.output_bytes_max = u64(config, "local_broker.output_bytes_max");
  options.limits.packet_bytes_max = u64(config, "local_broker.packet_bytes_max");
  options.limits.receive_maximum = static_cast<std::uint16_t>(config.integer("local_broker.receive_maximum"));
  return options;
}

}  // namespace wayside::broker
