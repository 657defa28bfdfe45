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
    text("vehicles.proxy_protocol", "off",
         "required: each connection begins with one PROXY v2 header, and comes from trusted_proxies.", "off|required"),
    list("vehicles.trusted_proxies", "[]",
         "Networks of the balancers that may say so, as [\"10.0.0.0/8\", \"fd00::/8\"]; at most 64."),
    integer("vehicles.io_threads", "2", 1, 64, "Threads that serve connections."),
    integer("vehicles.connections_max", "100000", 1, 10'000'000, "Connections at one time, services included."),
    integer("vehicles.keep_alive_max_s", "1200", 5, 65'535, "Largest keep alive that is granted."),
    integer("vehicles.packet_bytes_max", "262144", 1024, kMiB, "Largest MQTT packet that is read."),
    integer("vehicles.first_packet_bytes_max", "16384", 1024, kMiB,
            "Largest first packet, of a peer that has not said who it is; never above packet_bytes_max. Services too."),
    integer("vehicles.receive_maximum", "64", 1, 65'535, "Unacknowledged publishes a connection may have in flight."),
    integer("vehicles.sessions_max", "200000", 1, 10'000'000, "Sessions that outlive their connection."),
    integer("vehicles.session_expiry_max_s", "604800", 0, 31'536'000, "Longest session expiry that is granted."),
    integer("vehicles.presence_grace_s", "60", 0, 86'400,
            "After an end without a word: how long vehicles that were online may take to come back; 0: for ever."),
    integer("vehicles.tls_sessions_max", "200000", 1, 10'000'000,
            "TLS sessions kept in memory for vehicles that come back; the oldest gives way."),
    integer("vehicles.tls_session_lifetime_s", "43200", 1, 43'200,
            "How long after its full handshake a vehicle may come back without one."),
    integer("vehicles.subscriptions_max", "32", 1, 1024, "Subscriptions of one session."),
    integer("vehicles.handshakes_max", "2048", 1, 1'000'000,
            "Unfinished handshakes and CONNECTs of one thread; the oldest gives way."),
    integer("vehicles.handshake_ms_max", "10000", 100, 600'000, "From accept to the end of the handshake."),
    integer("vehicles.connect_ms_max", "10000", 100, 600'000, "From the handshake to a complete CONNECT."),
    integer("vehicles.output_bytes_max", "1048576", 64 * kKiB, 64 * kMiB,
            "Output that a peer does not read; then the connection ends. Services too."),
    integer("vehicles.tcp_user_timeout_ms", "20000", 1000, 600'000,
            "Sent bytes without TCP acknowledgement; then the connection ends."),
    integer("vehicles.refusal_rows_max", "10000", 0, 1'000'000,
            "Refusals that `wayside vehicle` tells of, each of a vehicle, a stage and a reason; the oldest goes."),
    integer("vehicles.watch_interval_ms", "1000", 50, 60'000, "Looks at watched files."),
    integer("vehicles.topic_alias_max", "16", 0, 1024, "Topic aliases of one connection."),
    integer("vehicles.sent_max", "64", 1, 65'535, "Messages sent to one peer and not acknowledged."),
    integer("vehicles.waiting_max", "1024", 16, 1'000'000,
            "Messages that wait for a peer's Receive Maximum; further ones are dropped."),
    integer("vehicles.saves_max", "4", 1, 64, "SUBSCRIBEs that wait for the session store; then the peer is not read."),
    integer("vehicles.park_packets_max", "128", 1, 65'535,
            "QoS 1 and 2 publishes of one 3.1.1 connection that wait for room in custody; then PARK_FULL."),
    integer("vehicles.park_bytes_max", "524288", kKiB, 64 * kMiB,
            "Bytes of these; one record may wait whatever its size. Also what such a connection may have in flight."),
    integer("vehicles.unreleased_ids_max", "256", 1, 65'535,
            "QoS 2 packet identifiers of one session between PUBLISH and PUBCOMP; then TOO_MANY_UNRELEASED."),

    text("services.listen", "", "Address of the services listener; empty: none."),
    text("services.certificate", "", "Server certificate chain (PEM), watched."),
    text("services.key", "", "Private key of the server certificate (PEM), watched."),
    text("services.ca", "", "CA bundle that service certificates must verify against (PEM), watched."),
    text("services.crl", "", "Revocation list of that CA (PEM), watched; empty: none."),
    integer("services.events_max", "10000", 16, 10'000'000,
            "Status and presence events that wait for one thread; further ones are dropped."),

    integer("custody.commit_interval_ms", "5", 0, 1000,
            "Longest wait of a record for its group, while an earlier lane syncs or a busy lane has more coming."),
    integer("custody.commit_bytes", "1048576", 4 * kKiB, 64 * kMiB, "Largest group of a command, ack or event lane."),
    integer("custody.bulk_unsynced_bytes_max", "524288", 4 * kKiB, 64 * kMiB,
            "Largest un-synced group of a state or bulk lane: what an ack's sync may meet on the device."),
    integer("custody.queue_bytes_max", "16777216", 2 * kMiB, 1024 * kMiB,
            "Waiting records of one lane; then QUEUE_FULL."),
    integer("custody.record_bytes_max", "1048576", kKiB, kMiB, "Largest record."),
    integer("custody.segment_bytes_max", "16777216", 2 * kMiB, 1024 * kMiB, "Size of one segment file."),
    integer("custody.lane_cached_bytes_max", "67108864", 0, kTiB,
            "Of the sealed segments of one lane, the newest that stay in the page cache; 0: none."),
    integer("custody.lane_command_bytes_max", "33554432", 4 * kMiB, kTiB, "Live segments of the command lane."),
    integer("custody.lane_ack_bytes_max", "67108864", 4 * kMiB, kTiB, "Live segments of the ack lane."),
    integer("custody.lane_event_bytes_max", "268435456", 4 * kMiB, kTiB, "Live segments of the event lane."),
    integer("custody.lane_state_bytes_max", "1073741824", 4 * kMiB, kTiB, "Live segments of the state lane."),
    integer("custody.lane_bulk_bytes_max", "536870912", 4 * kMiB, kTiB, "Live segments of the bulk lane."),
    integer("custody.total_bytes_max", "0", 0, 8 * kTiB,
            "Live segments of all lanes together; 0: the sum of their bounds."),
    integer("custody.urgent_reserve_bytes", "100663296", 0, kTiB,
            "Of the total, what only the command and ack lanes may take; at most the sum of their bounds counts."),
    integer("custody.mark_warn_percent", "70", 1, 100, "Fill of a lane or of the total that is a warning."),
    integer("custody.mark_high_percent", "90", 1, 100, "Fill of a lane or of the total that is an alarm."),
    integer("custody.mark_hysteresis_percent", "10", 0, 50, "How far below a mark the fill must fall to leave it."),
    integer("custody.volume_reserve_bytes", "67108864", 0, kTiB,
            "What must stay free on the volume beside the lanes and the command store; checked at start."),

    required("commands.root_key_file", "Public key of the offline root of trust (64 hex digits)."),
    required("commands.trust_dir", "Folder of signed trust and revocation lists (*.wsl), watched."),
    integer("commands.deadline_max_s", "86400", 1, 31'536'000, "Furthest deadline of an intent."),
    integer("commands.open_per_issuer_max", "1000", 1, 10'000'000, "Open commands of one issuer."),
    integer("commands.open_per_vehicle_max", "16", 1, 10'000, "Open commands of one vehicle."),
    integer("commands.open_max", "10000", 1, 10'000'000, "Open commands of this edge."),
    integer("commands.open_bytes_max", "67108864", kMiB, 64 * 1024 * kMiB, "Requests of open commands together."),
    integer("commands.acks_per_command_max", "8", 1, 1000, "Acks of one open command."),
    integer("commands.ack_bytes_max", "4096", 64, 4 * kKiB, "Largest ack."),
    integer("commands.stray_acks_max", "32", 1, 1'000'000,
            "Acks of no open command, of one vehicle and commands.stray_acks_interval_ms."),
    integer("commands.stray_acks_interval_ms", "60000", 1000, 86'400'000, "Interval of commands.stray_acks_max."),
    integer("commands.outbox_max", "65536", 1, 10'000'000,
            "Statuses that wait for the ack lane; then new commands are SPOOL_FULL."),
    integer("commands.outcome_wait_ms", "10000", 0, 600'000,
            "After the deadline of a written command, for the vehicle's word; then UNKNOWN_OUTCOME."),
    integer("commands.clock_step_max_s", "3600", 1, 31'536'000,
            "How far commits and lists move the durable time beyond the monotonic clock; above it an alarm."),
    integer("commands.store_retry_ms", "1000", 10, 60'000, "Pause after a fault of the command store."),
    integer("commands.closed_keep_s", "86400", 60, 31'536'000, "Closed commands are kept so long past their deadline."),
    integer("commands.closed_bytes_max", "268435456", kMiB, 64 * 1024 * kMiB,
            "Closed commands in the store, 512 bytes and its request each; above it those past their deadline are "
            "forgotten earlier, the oldest first, and without one of these a new command is TOO_MANY_COMMANDS."),
    integer("commands.purge_interval_ms", "60000", 1000, 86'400'000, "Looks for closed commands to forget."),
    integer("commands.counters_max", "1000000", 1, 100'000'000,
            "Supersede counters kept, of all issuers and vehicles; then TOO_MANY_COMMANDS."),
    integer("commands.mailbox_messages_max", "4096", 16, 1'000'000,
            "Requests, and as many acks, that wait for the command thread; then QUEUE_FULL."),
    integer("commands.mailbox_acks_per_vehicle_max", "64", 1, 1'000'000,
            "Of these acks, those of one vehicle; then QUEUE_FULL for that vehicle alone."),
    integer("commands.look_interval_ms", "1000", 50, 60'000, "Looks at commands.trust_dir and the wall clock."),

    text("local_broker.mode", "managed", "Who runs the broker of broadcast and ordinary topics.",
         "managed|external|off"),
    text("local_broker.executable", "mosquitto", "Program of the managed local broker (Mosquitto 2.0.18 or later)."),
    text("local_broker.socket", "", "Unix socket of the local broker; empty: <run_dir>/local/mqtt.sock (managed)."),

    integer("local_broker.waiting_bytes_max", "262144", 4 * kKiB, 64 * kMiB,
            "Messages of one connection that wait for the local broker."),
    integer("local_broker.output_bytes_max", "1048576", 64 * kKiB, 64 * kMiB,
            "Bytes of one connection that the local broker does not read."),
    integer("local_broker.packet_bytes_max", "1048576", kKiB, 16 * kMiB, "Largest packet of the local broker."),
    integer("local_broker.receive_maximum", "64", 1, 65'535,
            "Messages of the local broker that one vehicle may leave unacknowledged."),

    integer("admin_socket.connections_max", "16", 1, 1'024, "Operators connected to admin.sock; one more is closed."),
    integer("admin_socket.line_bytes_max", "4096", 1'024, kMiB, "Longest request on admin.sock; a longer one ends it."),
    integer("admin_socket.output_bytes_max", "262144", 64 * kKiB, 64 * kMiB,
            "Answers that an operator has not read; the connection ends at it."),

    integer("bridge_socket.connections_max", "4", 1, 64, "Connections of bridge edge; one more is refused."),
    integer("bridge_socket.requests_max", "1024", 1, 100'000,
            "Unanswered requests of a connection; at it the connection is not read on."),
    integer("bridge_socket.output_bytes_max", "1048576", 64 * kKiB, 64 * kMiB,
            "Answers that the bridge has not read; the connection ends at it."),

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
