// The table of wayside-broker's configuration keys. Public: additive changes only (CHANGELOG.md).
#include "broker/config.h"

namespace wayside::broker {
namespace {

using config::Apply;
using config::ListTable;
using config::Row;
using config::Type;

constexpr std::int64_t kKiB = 1 << 10;
constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;

constexpr Row text(std::string_view key, std::string_view fallback, std::string_view sentence,
                   std::string_view choices = {}) {
  return {key, Type::text, fallback, 0, 0, Apply::restart, false, choices, sentence};
}
constexpr Row required(std::string_view key, std::string_view sentence) {
  return {key, Type::text, "", 0, 0, Apply::restart, true, {}, sentence};
}
constexpr Row integer(std::string_view key, std::string_view fallback, std::int64_t min, std::int64_t max,
                      std::string_view sentence) {
  return {key, Type::integer, fallback, min, max, Apply::restart, false, {}, sentence};
}
constexpr Row boolean(std::string_view key, std::string_view fallback, std::string_view sentence) {
  return {key, Type::boolean, fallback, 0, 0, Apply::restart, false, {}, sentence};
}
constexpr Row list(std::string_view key, std::string_view fallback, std::string_view sentence) {
  return {key, Type::text_list, fallback, 0, 0, Apply::restart, false, {}, sentence};
}

constexpr Row kRows[] = {
    required("edge.name", "Name of this edge: CN of its link certificate, part of its topics on the core broker."),
    required("edge.region", "Region that intents and grants must name."),
    required("edge.state_dir", "Folder of everything durable: spool, sessions, commands, counts."),
    required("edge.run_dir", "Folder of sockets and ports.json; made 0700."),

    text("vehicles.listen", "127.0.0.1:8883", "Address of the vehicles listener; port 0 takes a free one."),
    required("vehicles.certificate", "Server certificate chain (PEM), watched."),
    required("vehicles.key", "Private key of the server certificate (PEM), watched."),
    required("vehicles.ca", "CA bundle that vehicle certificates must verify against (PEM), watched."),
    text("vehicles.crl", "", "Revocation list of that CA (PEM), watched; empty: none."),
    text("vehicles.deny_list", "", "File of blocked vehicle ids, watched; empty: <state_dir>/deny.list."),
    text("vehicles.identity_source", "san_uri", "Where a certificate names the vehicle.", "san_uri|san_dns|cn"),
    boolean("vehicles.identity_vin", "true", "The vehicle id must be a VIN (ISO 3779)."),
    boolean("vehicles.allow_development_ca", "false", "Accept CAs that carry the development marker."),
    integer("vehicles.io_threads", "2", 1, 64, "Threads that serve connections."),
    integer("vehicles.connections_max", "100000", 1, 10'000'000, "Connections at one time, services included."),
    integer("vehicles.keep_alive_max_s", "1200", 5, 65'535, "Largest keep alive that is granted."),
    integer("vehicles.packet_bytes_max", "262144", 1024, kMiB, "Largest MQTT packet that is read."),
    integer("vehicles.receive_maximum", "64", 1, 65'535, "Unacknowledged publishes a connection may have in flight."),
    integer("vehicles.sessions_max", "200000", 1, 10'000'000, "Sessions that outlive their connection."),
    integer("vehicles.session_expiry_max_s", "604800", 0, 31'536'000, "Longest session expiry that is granted."),
    integer("vehicles.tls_sessions_max", "200000", 1, 10'000'000,
            "TLS sessions kept in memory for vehicles that come back; the oldest gives way."),
    integer("vehicles.tls_session_lifetime_s", "43200", 1, 43'200,
            "How long after its full handshake a vehicle may come back without one."),
    integer("vehicles.subscriptions_max", "32", 1, 1024, "Subscriptions of one session."),

    text("services.listen", "", "Address of the services listener; empty: none."),
    text("services.certificate", "", "Server certificate chain (PEM), watched."),
    text("services.key", "", "Private key of the server certificate (PEM), watched."),
    text("services.ca", "", "CA bundle that service certificates must verify against (PEM), watched."),
    text("services.crl", "", "Revocation list of that CA (PEM), watched; empty: none."),

    integer("custody.commit_interval_ms", "5", 0, 1000,
            "Longest wait of a record for its group while an earlier lane syncs."),
    integer("custody.commit_bytes", "1048576", 4 * kKiB, 64 * kMiB, "Largest group of a command, ack or event lane."),
    integer("custody.bulk_unsynced_bytes_max", "524288", 4 * kKiB, 64 * kMiB,
            "Largest un-synced group of a state or bulk lane: what an ack's sync may meet on the device."),
    integer("custody.queue_bytes_max", "16777216", 2 * kMiB, 1024 * kMiB,
            "Waiting records of one lane; then QUEUE_FULL."),
    integer("custody.record_bytes_max", "1048576", kKiB, kMiB, "Largest record."),
    integer("custody.segment_bytes_max", "16777216", 2 * kMiB, 1024 * kMiB, "Size of one segment file."),
    integer("custody.lane_command_bytes_max", "33554432", 4 * kMiB, kTiB, "Live segments of the command lane."),
    integer("custody.lane_ack_bytes_max", "67108864", 4 * kMiB, kTiB, "Live segments of the ack lane."),
    integer("custody.lane_event_bytes_max", "268435456", 4 * kMiB, kTiB, "Live segments of the event lane."),
    integer("custody.lane_state_bytes_max", "1073741824", 4 * kMiB, kTiB, "Live segments of the state lane."),
    integer("custody.lane_bulk_bytes_max", "536870912", 4 * kMiB, kTiB, "Live segments of the bulk lane."),
    integer("custody.volume_reserve_bytes", "67108864", 0, kTiB,
            "What must stay free on the volume beside the lanes; checked at start."),

    required("commands.root_key_file", "Public key of the offline root of trust (64 hex digits)."),
    required("commands.trust_dir", "Folder of signed trust and revocation lists (*.wsl), watched."),
    integer("commands.deadline_max_s", "86400", 1, 31'536'000, "Furthest deadline of an intent."),
    integer("commands.open_per_issuer_max", "1000", 1, 10'000'000, "Open commands of one issuer."),
    integer("commands.open_per_vehicle_max", "16", 1, 10'000, "Open commands of one vehicle."),
    integer("commands.open_max", "10000", 1, 10'000'000, "Open commands of this edge."),

    text("local_broker.mode", "managed", "Who runs the broker of broadcast and ordinary topics.",
         "managed|external|off"),
    text("local_broker.executable", "mosquitto", "Program of the managed local broker (Mosquitto 2.0.18 or later)."),
    text("local_broker.socket", "", "Unix socket of the local broker; empty: <run_dir>/local/mqtt.sock (managed)."),

    text("metrics.listen", "127.0.0.1:0", "Address of /metrics, /healthz and /readyz."),
    text("log.format", "text", "Form of log lines.", "text|json"),
    text("log.level", "info", "Least severe level that is logged.", "debug|info|warning|error"),
    text("privacy.region_key_file", "",
         "Key of the tags that stand for vehicles in logs (64 hex digits); empty: a new one each start."),
};

constexpr Row kAclRows[] = {
    required("service", "Name of the service: its certificate's urn:wayside:svc:<name>."),
    list("publish", "[]", "Rows it may publish: request."),
    list("subscribe", "[]", "Rows it may subscribe: status, presence."),
    list("vehicles", "[]", "Vehicle ids it may reach; \"*\": all."),
    boolean("ordinary", "false", "It may use b/# and x/# of the local broker."),
};
constexpr Row kGroupRows[] = {
    required("name", "Command group, as intents name it."),
    boolean("idempotent", "false", "Executing twice is harmless: a command is resent until its deadline."),
};
constexpr ListTable kLists[] = {
    {"acl", kAclRows, "Rights of one service; a service without an entry has none."},
    {"group", kGroupRows, "What is declared about a command group."},
};
constexpr config::Table kTable = {"broker", kRows, kLists};

}  // namespace

const config::Table& config_table() { return kTable; }

}  // namespace wayside::broker
