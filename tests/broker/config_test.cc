// wayside-broker's configuration: what is refused, and what each part is told.
#include <catch2/catch_test_macros.hpp>

#include "broker/config.h"
#include "common/config/arguments.h"
#include "tests/support/temp_dir.h"

namespace wayside::broker {
namespace {

constexpr const char* kMinimal = R"([edge]
name = "edge-1"
region = "eu"
state_dir = "/var/lib/wayside"
run_dir = "/run/wayside"
[vehicles]
certificate = "s.crt"
key = "s.key"
ca = "ca.crt"
[commands]
root_key_file = "root.pub"
trust_dir = "trust"
)";

struct Loaded {
  std::optional<config::Config> config;
  config::Problems problems;
};
Loaded load(const std::string& text, const std::vector<std::string>& sets = {}) {
  const test::TempDir dir("config");
  Loaded loaded;
  loaded.config = config::load(config_table(), {dir.write("edge.toml", text), {}, sets}, loaded.problems);
  if (loaded.config) loaded.problems.lines = cross_check(*loaded.config);
  return loaded;
}

bool mentions(const config::Problems& problems, const std::string& words) {
  for (const std::string& line : problems.lines) {
    if (line.find(words) != std::string::npos) return true;
  }
  return false;
}

// The bounds of a command store, in one order.
std::vector<std::int64_t> bounds(const command::Limits& limits) {
  return {limits.deadline_max_ms,
          limits.open_per_issuer_max,
          limits.open_per_vehicle_max,
          limits.open_max,
          limits.acks_per_command_max,
          limits.ack_bytes_max,
          limits.stray_acks_max,
          limits.outbox_max,
          limits.outcome_wait_ms,
          limits.stray_acks_interval_ms,
          limits.clock_step_max_ms,
          limits.store_retry_ms,
          limits.closed_keep_ms,
          limits.purge_interval_ms,
          static_cast<std::int64_t>(limits.open_bytes_max)};
}
std::vector<std::int64_t> bounds(const gate::GateOptions& options) {
  return {options.handshakes_max,
          options.handshake_ms_max,
          options.connect_ms_max,
          options.output_bytes_max,
          options.service_events_max,
          options.tcp_user_timeout_ms,
          options.watch_interval_ms,
          options.io_threads,
          options.connections_max,
          options.limits.topic_alias_max,
          options.limits.sent_max,
          options.limits.waiting_max,
          options.limits.saves_max,
          options.limits.receive_maximum,
          options.limits.first_packet_bytes_max};
}

}  // namespace

TEST_CASE("Broker configuration: without a key each bound is the one of the code") {
  const test::TempDir dir("config");
  const std::string root = "commands.root_key_file=" + dir.write("root.pub", std::string(64, '1'));
  const Loaded loaded = load(kMinimal, {root});
  REQUIRE(loaded.config);
  CHECK(bounds(gate_options(*loaded.config, {})) == bounds(gate::GateOptions{}));
  const Result<DeskOptions> desk = desk_options(*loaded.config, {});
  REQUIRE(desk.ok());
  CHECK(bounds(desk->limits) == bounds(command::Limits{}));
  CHECK(desk->store.counters_max == command::StoreLimits{}.counters_max);
  CHECK(desk->store.closed_bytes_max == command::StoreLimits{}.closed_bytes_max);
  CHECK(desk->mailbox_messages_max == DeskOptions{}.mailbox_messages_max);
  CHECK(desk->mailbox_acks_per_vehicle_max == DeskOptions{}.mailbox_acks_per_vehicle_max);
  CHECK(desk->look_interval_ms == DeskOptions{}.look_interval_ms);
  const LocalBrokerOptions local = local_broker_options(*loaded.config);
  CHECK(local.limits.waiting_bytes_max == UpstreamLimits{}.waiting_bytes_max);
  CHECK(local.limits.output_bytes_max == UpstreamLimits{}.output_bytes_max);
  CHECK(local.limits.packet_bytes_max == UpstreamLimits{}.packet_bytes_max);
  CHECK(local.limits.receive_maximum == UpstreamLimits{}.receive_maximum);
  CHECK(admin_options(*loaded.config) == AdminServer::Options{});
  CHECK(bridge_socket_options(*loaded.config) == BridgeServer::Options{});
}

TEST_CASE("Broker configuration: bounds are told to the parts they bound, in their units") {
  const test::TempDir dir("config");
  const std::string root = "commands.root_key_file=" + dir.write("root.pub", std::string(64, '1'));
  const Loaded loaded =
      load(kMinimal, {root, "commands.clock_step_max_s=7", "commands.closed_keep_s=61", "commands.outcome_wait_ms=8",
                      "commands.counters_max=9", "commands.closed_bytes_max=1048577", "vehicles.waiting_max=17",
                      "vehicles.handshake_ms_max=123", "services.events_max=18", "vehicles.first_packet_bytes_max=2048",
                      "admin_socket.connections_max=2", "admin_socket.line_bytes_max=2049",
                      "admin_socket.output_bytes_max=65537", "bridge_socket.connections_max=3",
                      "bridge_socket.requests_max=19", "bridge_socket.output_bytes_max=65538"});
  REQUIRE(loaded.config);
  const Result<DeskOptions> desk = desk_options(*loaded.config, {});
  REQUIRE(desk.ok());
  CHECK(desk->limits.clock_step_max_ms == 7'000);
  CHECK(desk->limits.closed_keep_ms == 61'000);
  CHECK(desk->limits.outcome_wait_ms == 8);
  CHECK(desk->store.counters_max == 9);
  CHECK(desk->store.closed_bytes_max == 1'048'577);
  const gate::GateOptions gate = gate_options(*loaded.config, {});
  CHECK(gate.limits.waiting_max == 17);
  CHECK(gate.handshake_ms_max == 123);
  CHECK(gate.service_events_max == 18);
  CHECK(gate.limits.first_packet_bytes_max == 2'048);
  CHECK(admin_options(*loaded.config) == AdminServer::Options{2, 2'049, 65'537});
  CHECK(bridge_socket_options(*loaded.config) == BridgeServer::Options{3, 19, 65'538});
}

TEST_CASE("Broker configuration: the smallest file gives working defaults") {
  const Loaded loaded = load(kMinimal);
  REQUIRE(loaded.config);
  CHECK(loaded.problems.lines.empty());
  const gate::GateOptions gate = gate_options(*loaded.config, {});
  CHECK(gate.edge == "edge-1");
  CHECK(gate.vehicles.listen == "127.0.0.1:8883");
  CHECK(gate.services.listen.empty());
  CHECK(gate.deny_list == "/var/lib/wayside/deny.list");
  CHECK(gate.identity.source == identity::Source::san_uri);
  CHECK(gate.identity.vin);
  CHECK_FALSE(gate.allow_development_ca);
  CHECK(gate.ordinary);
  CHECK(gate.limits.receive_maximum == 64);
  const CustodyOptions custody = custody_options(*loaded.config);
  CHECK(custody.spool_root == "/var/lib/wayside/spool");
  CHECK(custody.commit_interval_ms == 5);
  CHECK(custody.lane_bytes_max[index_of(Lane::state)] == 1U << 30U);
  CHECK(local_broker_options(*loaded.config).socket == "/run/wayside/local/mqtt.sock");
}

TEST_CASE("Broker configuration: a total that open segments alone could fill is refused with the least figure") {
  CHECK(mentions(load(kMinimal, {"custody.total_bytes_max=100000000"}).problems, "at least 201326592"));
  CHECK(load(kMinimal, {"custody.total_bytes_max=201326592"}).problems.lines.empty());
  CHECK(mentions(load(kMinimal, {"custody.mark_warn_percent=95"}).problems, "custody.mark_warn_percent"));
}

TEST_CASE("Broker configuration: an unknown key is refused with file, line and the nearest match") {
  const Loaded loaded = load(std::string(kMinimal) + "[custody]\ncommit_intervall_ms = 5\n");
  CHECK_FALSE(loaded.config);
  CHECK(mentions(loaded.problems, "edge.toml:14"));
  CHECK(mentions(loaded.problems, "commit_interval_ms"));
}

TEST_CASE("Broker configuration: what is required, bounded or closed is checked") {
  CHECK(mentions(load("").problems, "edge.name"));
  CHECK_FALSE(load(kMinimal, {"vehicles.io_threads=0"}).config);
  CHECK_FALSE(load(kMinimal, {"local_broker.mode=sometimes"}).config);
}

TEST_CASE("Broker configuration: rules between keys are checked") {
  CHECK(mentions(load(kMinimal, {"vehicles.listen=8883"}).problems, "vehicles.listen"));
  CHECK(mentions(load(kMinimal, {"services.listen=127.0.0.1:0"}).problems, "services.ca"));
  CHECK(mentions(load(kMinimal, {"local_broker.mode=external"}).problems, "local_broker.socket"));
  CHECK(mentions(load(kMinimal, {"custody.lane_ack_bytes_max=20000000"}).problems, "custody.lane_ack_bytes_max"));
}

TEST_CASE("Broker configuration: trusted proxies are networks, and of use only where a header is required") {
  const std::string required = "vehicles.proxy_protocol=required";
  const Loaded right = load(kMinimal, {required, "vehicles.trusted_proxies=10.0.0.0/8,fd00::/8"});
  CHECK(right.problems.lines.empty());
  REQUIRE(right.config);
  const gate::GateOptions gate = gate_options(*right.config, {});
  CHECK(gate.proxy.required);
  REQUIRE(gate.proxy.trusted.size() == 2);
  CHECK(gate.proxy.trusted[0].contains(*proxyheader::parse_ip("10.1.2.3")));
  CHECK_FALSE(gate_options(*load(kMinimal).config, {}).proxy.required);

  CHECK(mentions(load(kMinimal, {required}).problems,
                 "vehicles.proxy_protocol: \"required\" needs vehicles.trusted_proxies"));
  CHECK(mentions(load(kMinimal, {"vehicles.trusted_proxies=10.0.0.0/8"}).problems, "nobody is asked for a header"));
  std::string with = kMinimal;
  with.replace(with.find("ca = "), 0, "proxy_protocol = \"required\"\ntrusted_proxies = [\"10.1.2.3/8\"]\n");
  const Loaded host_bits = load(with);
  CHECK(mentions(host_bits.problems, "edge.toml:10: vehicles.trusted_proxies: \"10.1.2.3/8\" is no network"));
  CHECK(mentions(host_bits.problems, "did you mean \"10.0.0.0/8\"?"));
  std::string many = "vehicles.trusted_proxies=10.0.0.0/32";
  for (int i = 1; i <= 64; ++i) many += ",10.0.0." + std::to_string(i) + "/32";
  CHECK(mentions(load(kMinimal, {required, many}).problems, "at most 64 networks"));
  CHECK(mentions(load(kMinimal, {"vehicles.proxy_protocol=requird"}).problems, "required"));
  CHECK(mentions(load(kMinimal, {"vehicles.trusted_proxys=10.0.0.0/8"}).problems, "trusted_proxies"));
}

TEST_CASE("Broker configuration: rights of services come from the acl tables") {
  const std::string acl = R"([[acl]]
service = "region-app"
publish = ["request"]
subscribe = ["status", "presence"]
vehicles = ["*"]
ordinary = true
[[acl]]
service = "viewer"
subscribe = ["presence"]
vehicles = ["WVWZZZ1JZXW000001"]
)";
  const Loaded loaded = load(kMinimal + acl);
  REQUIRE(loaded.config);
  const gate::GateOptions gate = gate_options(*loaded.config, {});
  REQUIRE(gate.acl.size() == 2);
  CHECK(gate.acl[0].publish_request);
  CHECK(gate.acl[0].covers("anything"));
  CHECK(gate.acl[0].ordinary);
  CHECK_FALSE(gate.acl[1].publish_request);
  CHECK_FALSE(gate.acl[1].subscribe_status);
  CHECK(gate.acl[1].subscribe_presence);
  CHECK(gate.acl[1].covers("WVWZZZ1JZXW000001"));
  CHECK_FALSE(gate.acl[1].covers("WVWZZZ1JZXW000002"));
  const Loaded typo = load(kMinimal + std::string("[[acl]]\nservice = \"a\"\npublish = [\"requests\"]\n"));
  CHECK(mentions(typo.problems, "did you mean \"request\""));
}

TEST_CASE("Broker configuration: addresses are host and port") {
  CHECK(parse_address("127.0.0.1:8883")->port == 8883);
  CHECK(parse_address("[::1]:0")->host == "::1");
  for (const char* bad : {"", ":1", "host", "host:", "host:65536", "host:x", "host:1x"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_address(bad).ok());
  }
}

TEST_CASE("Broker command line: options, values and mistakes") {
  std::vector<std::string> words = {"wayside-broker", "--config", "e.toml",        "--set", "a=1",
                                    "--set",          "b=2",      "--check-config"};
  const auto parse = [](std::vector<std::string> argv) {
    std::vector<char*> pointers;
    pointers.reserve(argv.size() + 1);
    for (std::string& word : argv) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return config::parse_arguments(static_cast<int>(argv.size()), pointers.data());
  };
  const config::Arguments arguments = parse(words);
  CHECK(arguments.problem.empty());
  CHECK(arguments.config_file == "e.toml");
  CHECK(arguments.sets == std::vector<std::string>{"a=1", "b=2"});
  CHECK(arguments.check_config);
  CHECK_FALSE(parse({"wayside-broker", "--colour"}).problem.empty());
  CHECK_FALSE(parse({"wayside-broker", "--config"}).problem.empty());
  CHECK(parse({"wayside-broker", "stray"}).words == std::vector<std::string>{"stray"});
}

TEST_CASE("Broker configuration: every key is documented from the table") {
  const std::string docs = config::markdown(config_table());
  for (const config::Row& row : config_table().rows) {
    CAPTURE(row.key);
    CHECK(docs.find(std::string(row.key.substr(row.key.find('.') + 1))) != std::string::npos);
    CHECK(row.sentence.ends_with('.'));
  }
}

}  // namespace wayside::broker
