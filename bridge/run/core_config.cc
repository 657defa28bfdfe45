// The configuration of `wayside-bridge core`. Keys are public: additive changes only (CHANGELOG.md).
#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "bridge/run/config.h"
#include "bridge/run/rows.h"
#include "common/version.h"

namespace wayside::bridge::run {
namespace {

constexpr config::Row kRows[] = {
    required("core.name", "Name of this core: CN of its link certificate."),
    required("core.state_dir", "Folder of everything durable: core log, dead letters, sink offsets."),
    required("core.run_dir", "Folder of bridge-core.json; made 0700."),
    integer("core.vehicles_max", "1000000", 1, 100'000'000, "Vehicles whose edge is remembered from their presence."),
    integer("core.log_flush_bytes", "16777216", 64 * kKiB, kGiB, "Staged bytes of a lane that are committed at once."),
    integer("core.log_checkpoint_records", "50000", 1, 100'000'000, "Records of the core log between checkpoints."),
    integer("core.log_lane_bytes_max", "4294967296", 64 * kMiB, kTiB, "Live segments of one lane of the core log."),
    integer("core.log_segment_bytes_max", "67108864", 64 * kKiB, kGiB,
            "One segment of the core log; never above an eighth of log_lane_bytes_max, since room comes back a segment "
            "at a time."),
    integer("core.log_lane_cached_bytes_max", "67108864", 0, kTiB,
            "Of the sealed segments of one lane of the core log, the newest that stay in the page cache; 0: none."),
    integer("core.log_record_bytes_max", "4194304", 2 * kMiB, 32 * kMiB,
            "Largest record of the core log; a larger one ends as a dead letter and lost."),

    required("broker.address", "Core broker, host:port, TLS."),
    required("broker.ca", "CA bundle that the core broker's certificate must verify against (PEM), watched."),
    required("broker.certificate", "Link certificate of this core (PEM), watched."),
    required("broker.key", "Private key of the link certificate (PEM), watched."),
    integer("broker.keep_alive_s", "10", 1, 3'600, "MQTT keep alive; a loss is noticed after about 2.7 times this."),
    integer("broker.queue_bytes_max", "134217728", 8 * kMiB, kGiB, "Publishes of one connection that wait."),
    integer("broker.inbox_bytes_max", "134217728", 8 * kMiB, kGiB, "Messages of one connection that wait to be read."),
    integer("broker.backoff_min_ms", "100", 10, 60'000, "First pause before a reconnect; doubles."),
    integer("broker.backoff_max_ms", "5000", 100, 600'000, "Longest pause before a reconnect."),
    integer("broker.window", "16", 1, 1'000, "MQTT publishes unacknowledged by the core broker, per connection."),

    integer("link.window_bytes", "4194304", 2 * kMiB, kGiB,
            "Credit of a lane and link session beyond what is durable, in spool bytes."),
    integer("link.floor_bytes", "1048576", kMiB, kGiB, "Credit that command and ack keep whatever the room."),
    integer("link.credit_interval_ms", "500", 50, 1'000, "How often credit is restated."),
    integer("link.batch_raw_bytes_max", "16777216", 64 * kKiB, 64 * kMiB, "Largest batch that is decoded."),
    integer("link.batch_records_max", "100000", 1, 1'000'000, "Most offsets of one batch."),
    integer("link.batch_payload_bytes_max", "67108864", kMiB, kGiB, "What one batch may unfold into."),
    integer("link.dead_letters_max", "1000", 0, 1'000'000, "Undecodable batches that are kept; the oldest goes."),

    integer(
        "dedupe.ids_per_vehicle", "128", 0, 4'096,
        "Source ids of a vehicle that are remembered in each lane to tell repeats by; 0: none, repeats are delivered."),
    integer("dedupe.vehicles_max", "100000", 1, 10'000'000,
            "Vehicles of a lane whose source ids are remembered; the one that delivered longest ago goes."),
    integer(
        "dedupe.window_bytes_max", "16777216", 64 * kKiB, 128 * kMiB,
        "Remembered source ids of a lane, 8 bytes each and some 270 a vehicle. They are written with each checkpoint."),

    text("commands.root_key_file", "", "Root key of trust lists (64 hex digits); empty: every request is refused."),
    text("commands.trust_dir", "", "Folder of signed trust and revocation lists (*.wsl), watched."),
    integer("commands.deadline_max_s", "86400", 1, 31'536'000, "Furthest deadline of a request."),
    integer("commands.resend_ms", "5000", 100, 600'000, "A request the edge has not answered is sent again."),
    integer("commands.open_max", "10000", 1, 1'000'000, "Requests that wait for the edge's answer."),

    text("metrics.listen", "127.0.0.1:0", "Address of /metrics, /healthz and /readyz."),
    text("log.format", "text", "Form of log lines.", "text|json"),
    text("log.level", "info", "Least severe level that is logged.", "debug|info|warning|error"),
    text("privacy.region_key_file", "",
         "Key of log tags, as of a broker. A bridge logs no vehicle, not even as a tag, and does not read the file."),
};

constexpr config::Row kEdgeRows[] = {
    required("name", "Name of the edge, as its link certificate and topics carry it."),
    required("region", "Region of the edge."),
    text("adopts", "", "Names of edges whose spools this one may adopt, with commas between them; *: any."),
};
constexpr config::Row kSinkRows[] = {
    required("type", "file: exactly once into files; mqtt: at least once to the core broker.", "file|mqtt"),
    text("path", "", "Folder of a file sink."),
    text("value_format", "json", "Payloads of an mqtt sink.", "json|flatbuffers"),
};
constexpr config::ListTable kLists[] = {
    {"edge", kEdgeRows, "The edges of this core. Messages of others are dropped and counted."},
    {"sink", kSinkRows, "What follows the core log, each with its own durable offset. At least one."},
};

// Each has some twenty-five series of metrics, which are bounded too.
constexpr std::size_t kEdgesMax = 256;

std::uint64_t u64(const config::Config& config, std::string_view key) {
  return static_cast<std::uint64_t>(config.integer(key));
}

std::vector<std::string> names_in(const std::string& list) {
  std::vector<std::string> names;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t comma = std::min(list.find(',', at), list.size());
    std::string name = list.substr(at, comma - at);
    name.erase(0, name.find_first_not_of(' '));
    name.erase(name.find_last_not_of(' ') + 1);
    if (!name.empty()) names.push_back(std::move(name));
    at = comma + 1;
  }
  return names;
}

void check_edges(const config::Config& config, std::vector<std::string>& problems) {
  std::set<std::string> names;
  for (const config::Config& edge : config.entries("edge")) {
    const std::string& name = edge.text("name");
    if (!names.insert(name).second) problems.push_back("edge.name: \"" + log::clean(name) + "\" is named twice");
    if (name.empty() || name.size() > link::kNameBytesMax || name.find_first_of("/+#") != std::string::npos) {
      problems.push_back("edge.name: \"" + log::clean(name) + "\" is a level of topics: 1 to 64 bytes, none of / + #");
    }
  }
  if (names.size() > kEdgesMax) problems.push_back("edge: more than " + std::to_string(kEdgesMax) + " of one core");
  if (names.empty()) problems.emplace_back("edge: a core without an [[edge]] accepts nothing");
}

void check_sinks(const config::Config& config, std::vector<std::string>& problems) {
  unsigned mqtt = 0;
  std::set<std::string> paths;
  for (const config::Config& sink : config.entries("sink")) {
    if (sink.text("type") == "mqtt" && ++mqtt == 2) problems.emplace_back("sink: only one of type mqtt");
    if (sink.text("type") != "file") continue;
    if (sink.text("path").empty()) problems.emplace_back("sink.path: needed by type file");
    if (!paths.insert(sink.text("path")).second) problems.emplace_back("sink.path: two file sinks in one folder");
  }
  if (config.entries("sink").empty()) problems.emplace_back("sink: without a [[sink]] the core log would only fill");
}

}  // namespace

const config::Table& core_table() {
  static const config::Table kTable{"bridge_core", kRows, kLists};
  return kTable;
}

std::vector<std::string> check_core(const config::Config& config) {
  std::vector<std::string> problems;
  for (const char* key : {"metrics.listen", "broker.address"}) {
    if (auto address = parse_listen(config.text(key)); !address) {
      problems.push_back(std::string(key) + ": " + address.error().what);
    }
  }
  check_edges(config, problems);
  check_sinks(config, problems);
  return problems;
}

core::CoreOptions core_options(const config::Config& config) {
  core::CoreOptions out;
  out.product = std::string("wayside-bridge ") + wayside::version();
  for (const config::Config& edge : config.entries("edge"))
    out.edges.push_back({edge.text("name"), edge.text("region"), names_in(edge.text("adopts"))});
  out.window_bytes = u64(config, "link.window_bytes");
  out.floor_bytes = u64(config, "link.floor_bytes");
  out.credit_interval_ms = config.integer("link.credit_interval_ms");
  out.flush_bytes = u64(config, "core.log_flush_bytes");
  out.limits.payload_bytes_max = u64(config, "link.batch_payload_bytes_max");
  out.limits.raw_bytes_max = u64(config, "link.batch_raw_bytes_max");
  out.limits.records_max = static_cast<std::uint32_t>(config.integer("link.batch_records_max"));
  out.requests.deadline_max_ms = config.integer("commands.deadline_max_s") * 1000;
  out.requests.resend_ms = config.integer("commands.resend_ms");
  out.requests.open_max = static_cast<std::uint32_t>(config.integer("commands.open_max"));
  return out;
}

core::CoreLogOptions core_log_options(const config::Config& config) {
  core::CoreLogOptions out;
  out.root = config.text("core.state_dir") + "/corelog";
  out.lane_bytes_max = u64(config, "core.log_lane_bytes_max");
  out.checkpoint_records = u64(config, "core.log_checkpoint_records");
  out.vehicles_max = u64(config, "core.vehicles_max");
  out.dedupe.ids_per_vehicle = static_cast<std::uint32_t>(config.integer("dedupe.ids_per_vehicle"));
  out.dedupe.vehicles_max = u64(config, "dedupe.vehicles_max");
  out.dedupe.bytes_max = u64(config, "dedupe.window_bytes_max");
  out.segment_bytes_max = std::min(u64(config, "core.log_segment_bytes_max"), out.lane_bytes_max / 8);
  out.lane_cached_bytes_max = u64(config, "core.log_lane_cached_bytes_max");
  out.record_bytes_max = static_cast<std::uint32_t>(config.integer("core.log_record_bytes_max"));
  return out;
}

MqttOptions core_connection(const config::Config& config, const LinkPaths& files, const std::string& role,
                            std::vector<std::string> filters) {
  MqttOptions out;
  out.address = config.text("broker.address");
  out.client_id = config.text("core.name") + "-" + role;
  out.ca = files.ca;
  out.certificate = files.certificate;
  out.key = files.key;
  out.keep_alive_s = static_cast<int>(config.integer("broker.keep_alive_s"));
  out.window = static_cast<unsigned>(config.integer("broker.window"));
  out.queue_bytes_max = u64(config, "broker.queue_bytes_max");
  out.inbox_bytes_max = u64(config, "broker.inbox_bytes_max");
  out.backoff_min_ms = config.integer("broker.backoff_min_ms");
  out.backoff_max_ms = config.integer("broker.backoff_max_ms");
  out.filters = std::move(filters);
  return out;
}

std::vector<SinkOptions> sink_options(const config::Config& config) {
  std::vector<SinkOptions> out;
  for (const config::Config& sink : config.entries("sink")) {
    out.push_back({sink.text("type") == "mqtt", sink.text("value_format") == "flatbuffers", sink.text("path")});
  }
  return out;
}

log::Options log_options(const config::Config& config, const std::string& process) {
  log::Options out;
  out.process = process;
  out.format = config.text("log.format") == "json" ? log::Format::json : log::Format::text;
  const std::string& level = config.text("log.level");
  if (level == "debug") out.level = log::Level::debug;
  if (level == "warning") out.level = log::Level::warning;
  if (level == "error") out.level = log::Level::error;
  return out;
}

Result<ListenAddress> parse_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  int port = -1;
  if (colon != std::string::npos && colon > 0) {
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc() || parsed.ptr != end) port = -1;
  }
  if (port < 0 || port > 65'535) return Error{Fault::config, "\"" + log::clean(text) + "\" is not host:port"};
  std::string host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return ListenAddress{std::move(host), port};
}

}  // namespace wayside::bridge::run
