// The configuration of `wayside-bridge edge`. Keys are public: additive changes only (CHANGELOG.md).
#include <utility>

#include "bridge/run/config.h"
#include "bridge/run/rows.h"
#include "common/topic/topic.h"
#include "common/version.h"

namespace wayside::bridge::run {
namespace {

constexpr config::Row kRows[] = {
    required("edge.name", "Name of this edge: CN of its link certificate, part of its topics on the core broker."),
    required("edge.region", "Region of this edge."),
    required("edge.state_dir", "Folder of the spool (<state_dir>/spool), shared with wayside-broker."),
    required("edge.run_dir", "Folder of bridge-edge.json; made 0700."),
    text("edge.broker_socket", "", "The broker's bridge socket; empty: <run_dir>/bridge.sock."),
    integer("edge.broker_answers_max", "10000", 1, 1'000'000,
            "Answers of the broker that wait to be read; at it the socket is not read on."),

    required("core.address", "Core broker, host:port, TLS."),
    required("core.ca", "CA bundle that the core broker's certificate must verify against (PEM), watched."),
    required("core.certificate", "Link certificate of this edge (PEM), watched."),
    required("core.key", "Private key of the link certificate (PEM), watched."),

    integer("link.resend_ms", "5000", 100, 600'000, "A batch without an answer is sent again after this time."),
    integer("link.batch_linger_ms", "200", 0, 60'000, "How long state and bulk records wait for company in a batch."),
    integer("link.batch_raw_bytes_max", "1048576", 64 * kKiB, 16 * kMiB, "Largest batch before compression."),
    integer("link.batch_records_max", "10000", 1, 100'000, "Most offsets of one batch."),
    integer("link.inflight_bytes_max", "16777216", 64 * kKiB, kGiB, "Unanswered batch bytes of urgent and of bulk."),
    integer("link.inflight_batches_max", "32", 1, 10'000, "Unanswered batches of a lane."),
    integer("link.batch_payload_bytes_max", "67108864", kMiB, kGiB, "Payloads of one batch together."),
    integer("link.credit_ahead_bytes_max", "1073741824", 2 * kMiB, kTiB,
            "Credit further ahead of what was sent is no credit of a core: the link is dropped."),
    integer("link.down_pending_max", "10000", 1, 1'000'000, "Requests handed to the broker and unanswered."),
    integer("link.inbox_bytes_max", "134217728", 8 * kMiB, kGiB, "Messages of one connection that wait to be read."),
    integer("link.backoff_min_ms", "100", 10, 60'000, "First pause before a reconnect; doubles."),
    integer("link.backoff_max_ms", "5000", 100, 600'000, "Longest pause before a reconnect."),
    integer("link.keep_alive_s", "10", 1, 3'600, "MQTT keep alive; a loss is noticed after about 2.7 times this."),
    integer("link.window", "16", 1, 1'000, "MQTT publishes unacknowledged by the core broker, per connection."),

    text("adopt.spool", "", "Of `wayside-bridge adopt`: folder of the spool to ship, or of the state that holds it."),
    integer("adopt.timeout_s", "0", 0, 604'800, "Of `wayside-bridge adopt`: give up after this time; 0: never."),

    text("metrics.listen", "127.0.0.1:0", "Address of /metrics, /healthz and /readyz."),
    text("log.format", "text", "Form of log lines.", "text|json"),
    text("log.level", "info", "Least severe level that is logged.", "debug|info|warning|error"),
    text("privacy.region_key_file", "",
         "Key of log tags, as of a broker. A bridge logs no vehicle, not even as a tag, and does not read the file."),
};

constexpr config::Row kRuleRows[] = {
    required("topic_filter", "Topics of the rule; {vehicle} stands for any vehicle. The first match wins."),
    text("policy", "history",
         "history ships every record, latest the last value of each vehicle and signal in a batch.", "history|latest"),
    integer("ttl_ms", "0", 0, 31'536'000'000, "Records older than this end as expired; 0: never."),
};

constexpr config::ListTable kLists[] = {
    {"rule", kRuleRows, "What to do with records on the way up besides shipping them. Default: history, no TTL."},
};

std::uint64_t u64(const config::Config& config, std::string_view key) {
  return static_cast<std::uint64_t>(config.integer(key));
}

// {vehicle} as the wildcard it stands for, so that the grammar of filters applies.
bool valid_rule_filter(std::string filter) {
  constexpr std::string_view kSlot = "{vehicle}";
  if (const std::size_t at = filter.find(kSlot); at != std::string::npos) filter.replace(at, kSlot.size(), "+");
  return topic::valid_filter(filter);
}

}  // namespace

const config::Table& edge_table() {
  static const config::Table kTable{"bridge_edge", kRows, kLists};
  return kTable;
}

std::vector<std::string> check_edge(const config::Config& config) {
  std::vector<std::string> problems;
  if (auto listen = parse_listen(config.text("metrics.listen")); !listen) {
    problems.push_back("metrics.listen: " + listen.error().what);
  }
  if (auto core = parse_listen(config.text("core.address")); !core) {
    problems.push_back("core.address: " + core.error().what);
  }
  if (config.text("edge.name").find_first_of("/+#") != std::string::npos) {
    problems.emplace_back("edge.name: is a level of topics and holds none of / + #");
  }
  for (const config::Config& rule : config.entries("rule")) {
    if (!valid_rule_filter(rule.text("topic_filter"))) {
      problems.push_back("rule.topic_filter: \"" + log::clean(rule.text("topic_filter")) + "\" is no topic filter");
    }
  }
  return problems;
}

edge::EdgeOptions edge_options(const config::Config& config) {
  edge::EdgeOptions out;
  out.edge = config.text("edge.name");
  out.region = config.text("edge.region");
  out.product = std::string("wayside-bridge ") + wayside::version();
  out.resend_ms = config.integer("link.resend_ms");
  out.batch_linger_ms = config.integer("link.batch_linger_ms");
  out.inflight_bytes_max = u64(config, "link.inflight_bytes_max");
  out.inflight_batches_max = static_cast<std::uint32_t>(config.integer("link.inflight_batches_max"));
  out.credit_ahead_bytes_max = u64(config, "link.credit_ahead_bytes_max");
  out.down_pending_max = static_cast<std::uint32_t>(config.integer("link.down_pending_max"));
  out.limits.payload_bytes_max = u64(config, "link.batch_payload_bytes_max");
  out.limits.raw_bytes_max = u64(config, "link.batch_raw_bytes_max");
  out.limits.records_max = static_cast<std::uint32_t>(config.integer("link.batch_records_max"));
  for (const config::Config& rule : config.entries("rule")) {
    const auto policy = rule.text("policy") == "latest" ? batch::Policy::latest : batch::Policy::history;
    out.rules.push_back({rule.text("topic_filter"), policy, rule.integer("ttl_ms")});
  }
  return out;
}

LinkPaths link_paths(const config::Config& config, const std::string& section) {
  return {config.text(section + ".ca"), config.text(section + ".certificate"), config.text(section + ".key")};
}

MqttOptions edge_connection(const config::Config& config, const LinkPaths& files, link::Channel channel) {
  const std::string channel_name(link::to_string(channel));
  MqttOptions out;
  out.address = config.text("core.address");
  out.client_id = config.text("edge.name") + "-" + channel_name;
  out.ca = files.ca;
  out.certificate = files.certificate;
  out.key = files.key;
  out.keep_alive_s = static_cast<int>(config.integer("link.keep_alive_s"));
  out.window = static_cast<unsigned>(config.integer("link.window"));
  out.queue_bytes_max = 2 * u64(config, "link.inflight_bytes_max") + (64U << 20U);
  out.inbox_bytes_max = u64(config, "link.inbox_bytes_max");
  out.backoff_min_ms = config.integer("link.backoff_min_ms");
  out.backoff_max_ms = config.integer("link.backoff_max_ms");
  out.filters = {"wayside/" + config.text("edge.name") + "/down/" + channel_name + "/#"};
  return out;
}

}  // namespace wayside::bridge::run
