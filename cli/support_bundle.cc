// One archive for a support ticket. Collects; cli/bundle says what may go in.
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>

#include "cli/bundle/bundle.h"
#include "cli/bundle/certificates.h"
#include "cli/bundle/config_file.h"
#include "cli/bundle/machine.h"
#include "cli/commands.h"
#include "cli/probe.h"
#include "cli/spool.h"
#include "cli/status/screen.h"
#include "cli/volume.h"
#include "common/os/system.h"
#include "common/version.h"
#include "fleet/admin.h"
#include "schemas/record.h"
#include "spool/lane.h"

namespace wayside::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kWindowMs = 500;                   // between the two looks of status
constexpr std::uint64_t kLearnRecords = 20'000;  // newest of each lane, whose vehicles are learnt
constexpr std::size_t kConfigBytesMax = 1U << 20U;
constexpr std::size_t kDenyListBytesMax = 16U << 20U;

constexpr const char* kStdout = "-";

struct BundleOptions {
  std::string dir;
  std::string output;
  std::string state;
  std::string region_key;
  std::vector<std::string> configs;
  std::vector<std::string> logs;
  std::int64_t log_bytes_max = 1 << 20;
  bool json = false;
};

struct Source {
  const char* process;  // as /proc knows it
  const char* ports;    // file of the run folder
  const char* name;     // of its parts
};
constexpr Source kEdgeSources[] = {{"wayside-broker", kBrokerPorts, "broker"},
                                   {"wayside-bridge edge", kEdgeBridgePorts, "bridge-edge"}};
constexpr Source kCoreSources[] = {{"wayside-bridge core", kCoreBridgePorts, "bridge-core"}};

class Collector {
 public:
  Collector(const BundleOptions& options, Bytes key, bool core)
      : options_(options), redactor_(std::move(key)), bundle_(os::SystemClock().wall(), redactor_), core_(core) {}

  Bundle& collect() {
    find_processes();
    learn();
    add_versions();
    add_configs();
    add_certificates();
    add_answers();
    add_volume();
    add_logs();
    bundle_.add_json("machine.json", machine_json(processes_, volumes()));
    return bundle_;
  }

 private:
  struct ConfigSource {
    std::string name;
    std::string path;
    std::vector<std::string> sets;
  };

  [[nodiscard]] std::vector<Source> sources() const {
    if (core_) return {std::begin(kCoreSources), std::end(kCoreSources)};
    return {std::begin(kEdgeSources), std::end(kEdgeSources)};
  }
  [[nodiscard]] std::string in_run(const char* name) const { return options_.dir + "/" + name; }
  [[nodiscard]] std::vector<std::string> volumes() const {
    std::vector<std::string> out{options_.dir};
    if (!state_.empty()) out.push_back(state_);
    return out;
  }

  void find_processes();
  std::vector<ConfigSource> config_sources() const;
  void learn();
  void learn_lane(SpoolView& view, Lane lane);
  void add_versions();
  void add_configs();
  void add_certificates();
  void add_answers();
  [[nodiscard]] Result<std::string> status() const;
  void add_volume();
  void add_logs();

  const BundleOptions& options_;
  Redactor redactor_;
  Bundle bundle_;
  bool core_;
  std::vector<RunningProcess> processes_;
  std::vector<std::string> certificates_;
  std::string state_;
  std::string deny_list_;
};

void Collector::find_processes() {
  for (const Source& source : sources()) {
    auto process = process_of(source.process, in_run(source.ports));
    if (process) {
      processes_.push_back(std::move(process).value());
    } else {
      bundle_.miss(std::string("process/") + source.name, process.error().what);
    }
  }
  // Where the volume is must be known before anything is redacted: its ids are learnt from it.
  state_ = options_.state;
  for (const ConfigSource& source : config_sources()) {
    const auto text = os::read_file(source.path, kConfigBytesMax);
    if (!text) continue;
    const auto facts = read_config(*text, source.sets, redactor_);
    if (facts && state_.empty()) state_ = facts->state_dir;
    if (facts && !facts->deny_list.empty()) deny_list_ = facts->deny_list;
  }
  if (deny_list_.empty() && !state_.empty()) deny_list_ = state_ + "/deny.list";
  redactor_.take_counts();
}

std::vector<Collector::ConfigSource> Collector::config_sources() const {
  std::vector<ConfigSource> out;
  out.reserve(options_.configs.size() + processes_.size());
  for (const std::string& path : options_.configs) out.push_back({fs::path(path).filename().string(), path, {}});
  for (const RunningProcess& process : processes_) {
    std::string name = process.name;
    std::replace(name.begin(), name.end(), ' ', '-');
    if (!process.config_file.empty()) out.push_back({name + ".toml", process.config_file, process.sets});
  }
  return out;
}

void Collector::learn_lane(SpoolView& view, Lane lane) {
  auto reader = spool::LaneReader::open(view.disk(), view.lane_dir(lane), view.volume().uuid, lane);
  if (!reader) return;
  const auto oldest = (*reader)->oldest();
  if (!oldest) return;
  const Offset synced = (*reader)->synced();
  Offset at = std::max(*oldest, Offset{synced.value > kLearnRecords ? synced.value - kLearnRecords : 0});
  while (at < synced) {
    const auto next = (*reader)->visit(at, 1'000, 1U << 20U, [&](const spool::RecordView& read) {
      const auto record = schemas::decode_record(read.body);
      if (record) redactor_.learn(record->vehicle);
    });
    if (!next) return;
    at = *next;
  }
}

void Collector::learn() {
  if (const auto denied = os::read_file(deny_list_, kDenyListBytesMax); denied) {
    std::istringstream lines(*denied);
    for (std::string id; std::getline(lines, id);) redactor_.learn(id.substr(0, id.find_first_of(" \t\r#")));
  }
  if (state_.empty() || core_) return;
  auto view = SpoolView::open(state_);
  if (!view) return;
  for (const Lane lane : kAllLanes) learn_lane(*view, lane);
}

void Collector::add_versions() {
  Json out{{"wayside", version()}};
  for (const Source& source : sources()) {
    const auto text = ask_http(in_run(source.ports), "/metrics");
    Json builds = Json::array();
    if (text) {
      for (const auto& [version, one] : Samples::parse(*text).by("wayside_build_info", "version")) {
        builds.push_back(version);
      }
    }
    out[source.name] = text ? builds : Json();
  }
  bundle_.add_json("versions.json", out.dump());
}

void Collector::add_configs() {
  std::size_t number = 0;
  for (const ConfigSource& source : config_sources()) {
    const std::string name = fmt::format("config/{}-{}", number++, redactor_.text(source.name)).substr(0, 64);
    const auto text = os::read_file(source.path, kConfigBytesMax);
    const auto facts = text ? read_config(*text, source.sets, redactor_) : Result<ConfigFacts>(text.error());
    if (!facts) {
      bundle_.miss(name, source.path + ": " + facts.error().what);
      continue;
    }
    for (const std::string& file : facts->certificates) {
      if (std::find(certificates_.begin(), certificates_.end(), file) == certificates_.end()) {
        certificates_.push_back(file);
      }
    }
    bundle_.add_done(name, facts->redacted);
  }
  Json overrides = Json::object();
  for (const RunningProcess& process : processes_) {
    for (const std::string& one : process.environment) {
      const std::size_t equals = one.find('=');
      const std::string name = one.substr(0, equals);
      overrides[process.name][name] = redactor_.value(name, one.substr(equals + 1));
    }
  }
  bundle_.add_json("config/environment.json", overrides.dump());
}

void Collector::add_certificates() {
  Json out = Json::array();
  for (const std::string& path : certificates_) {
    const auto facts = read_pem(path);
    if (!facts) {
      bundle_.miss("certificates.json", facts.error().what);
      continue;
    }
    Json file{{"file", path}};
    for (const CertificateFacts& one : facts->certificates) {
      file["certificates"].push_back({{"serial", one.serial},
                                      {"issuer", one.issuer},
                                      {"not_before", one.not_before},
                                      {"not_after", one.not_after},
                                      {"sha256", one.sha256}});
    }
    for (const RevocationFacts& one : facts->revocation_lists) {
      file["revocation_lists"].push_back({{"number", one.number},
                                          {"issuer", one.issuer},
                                          {"last_update", one.last_update},
                                          {"next_update", one.next_update}});
    }
    out.push_back(std::move(file));
  }
  bundle_.add_json("certificates.json", out.dump());
}

Result<std::string> Collector::status() const {
  const os::SystemClock clock;
  const auto before = ask_edge(options_.dir, clock);
  if (!before) return before.error();
  poll(nullptr, 0, kWindowMs);
  const auto after = ask_edge(options_.dir, clock);
  if (!after) return after.error();
  const auto facts = facts_of(*before, *after);
  if (!facts) return facts.error();
  return status_json(*facts, judge(*facts));
}

void Collector::add_answers() {
  for (const Source& source : sources()) {
    const std::string name = source.name;
    bundle_.add_text("metrics/" + name + ".txt", ask_http(in_run(source.ports), "/metrics"));
    bundle_.add_text("ready/" + name + ".txt", ask_http(in_run(source.ports), "/readyz"));
  }
  if (core_) return;
  bundle_.add_json("status.json", status());
  bundle_.add_json("admin/status.json", fleet::admin_ask(in_run("admin.sock"), R"({"op":"status"})"));
  bundle_.add_json("admin/ledger.json", fleet::admin_ask(in_run("admin.sock"), R"({"op":"ledger"})"));
}

void Collector::add_volume() {
  const std::string name = core_ ? "corelog.json" : "spool.json";
  if (state_.empty()) return bundle_.miss(name, "the state folder is not known: give --state or --config");
  auto view = SpoolView::open(state_);
  if (!view) return bundle_.miss(name, view.error().what);
  bundle_.add_json(name, spool_listing_json(*view, *lanes_of("")));
  if (core_) return;
  const auto ledger = read_volume(state_);
  bundle_.add_json("ledger.json", ledger ? Result<std::string>(fleet::ledger_json(*ledger)) : ledger.error());
}

void Collector::add_logs() {
  std::vector<std::string> files = options_.logs;
  for (const RunningProcess& process : processes_) {
    const std::string file = log_file_of(process.pid);
    if (file.empty()) {
      bundle_.miss("logs of " + process.name, "it does not write to a file that can be seen from here: give --log");
    } else if (std::find(files.begin(), files.end(), file) == files.end()) {
      files.push_back(file);
    }
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string name = fmt::format("logs/{}-{}", i, redactor_.text(fs::path(files[i]).filename().string()));
    bool cut = false;
    const auto text = tail_of_file(files[i], static_cast<std::size_t>(options_.log_bytes_max), &cut);
    bundle_.add_text(name.substr(0, 64), text, cut);
  }
}

std::string default_output() {
  std::string at = os::rfc3339(os::SystemClock().wall()).substr(0, 19);
  at.erase(std::remove_if(at.begin(), at.end(), [](char c) { return c == '-' || c == ':'; }), at.end());
  return "wayside-support-" + at + "Z.tar.zst";
}

// A pod has nothing that a file could be fetched with, but whoever asks has a pipe.
bool to_stdout(const BundleOptions& options) { return options.output == kStdout; }

int write_out(const std::string& packed) {
  const bool wrote = std::fwrite(packed.data(), 1, packed.size(), stdout) == packed.size() && std::fflush(stdout) == 0;
  return wrote ? kYes : fail(kNo, "standard output takes no more: the archive is not whole");
}

int write_bundle(const BundleOptions& options, Packing packing, Bundle& bundle, bool core) {
  const std::string keyed =
      options.region_key.empty() ? "tags under a key of this bundle alone" : "tags under the region's key, as in logs";
  const std::string manifest = bundle.finish(core ? "core" : "edge", keyed);
  const auto packed = bundle.packed(packing);
  if (!packed) return fail(kNo, packed.error().what);
  if (to_stdout(options)) {
    if (const int wrote = write_out(*packed); wrote != kYes) return wrote;
  } else if (auto written = write_new_file(options.output, *packed); !written) {
    const bool there = written.error().fault == Fault::exists;
    return fail(kNo, there ? options.output + " is there already and was not overwritten" : written.error().what);
  }
  if (options.json) {
    std::printf("%s", manifest.c_str());
    return kYes;
  }
  std::FILE* const says = to_stdout(options) ? stderr : stdout;
  fmt::print(says, "{}: {} parts, {} bytes\n", to_stdout(options) ? "standard output" : options.output,
             bundle.entries().size(), packed->size());
  for (const MissingPart& part : bundle.missing()) fmt::print(says, "without {}: {}\n", part.name, part.why);
  return kYes;
}

// What is wrong with where it is to go, before anything is collected.
std::optional<std::string> wrong_output(const BundleOptions& options, Packing& packing) {
  if (!to_stdout(options)) {
    if (packing_of(options.output, packing)) return std::nullopt;
    return options.output + ": the name must end with .tar.zst or .tar.gz";
  }
  packing_of("stdout.tar.zst", packing);
  if (options.json) return "-o - and --json: both want standard output";
  if (isatty(STDOUT_FILENO) == 1) return "-o -: this is a terminal; redirect it into a file, or into a pipe";
  return std::nullopt;
}

}  // namespace

int run_support_bundle(const Args& args) {
  BundleOptions options;
  options.output = default_output();
  const Spec spec{
      "wayside support-bundle",
      "Writes one archive for a support ticket: versions, configuration, certificates as figures, status, metrics, "
      "ledger, list of segments, ends of logs, machine. Vehicle ids appear as tags, secrets as ***; no payload, key or "
      "certificate is in it. What cannot be had is named in its manifest.json and stops nothing. Exit 0 written, 1 the "
      "file is there already or cannot be written.",
      {{"RUN_DIR", &options.dir, "run folder of an edge (edge.run_dir) or a core (core.run_dir)", true},
       {"-o,--output", &options.output,
        "file to make, .tar.zst or .tar.gz; never overwritten; -: standard output, .tar.zst"},
       {"--config", &options.configs, "configuration file; default: as the command lines of the processes say"},
       {"--state", &options.state, "state folder; default: as the configuration says"},
       {"--log", &options.logs, "log file; default: where the processes write, if that is a file"},
       {"--log-bytes-max", &options.log_bytes_max, "of the end of each log", false, 1 << 10, 16 << 20},
       {"--region-key", &options.region_key,
        "file of the region's key: tags are those of the logs; default: tags of this bundle alone"},
       {"--json", &options.json, "print the manifest instead of text"}},
      "Look at it before you pass it on: names of hosts, folders, edges and services are in it."};
  if (const auto exit = parse(spec, args)) return *exit;
  Packing packing{};
  if (const auto wrong = wrong_output(options, packing)) return fail(kUsage, *wrong);
  std::error_code none;
  const bool core = fs::exists(options.dir + "/" + kCoreBridgePorts, none);
  if (!core && !fs::exists(options.dir + "/" + kBrokerPorts, none) &&
      !fs::exists(options.dir + "/" + kEdgeBridgePorts, none)) {
    return fail(kUsage, options.dir + " is the run folder of neither an edge nor a core");
  }
  if (!to_stdout(options) && fs::exists(options.output, none)) {
    return fail(kNo, options.output + " is there already and was not overwritten");
  }
  auto key = tag_key(options.region_key);
  if (!key) return fail(kUsage, key.error().what);
  Collector collector(options, std::move(key).value(), core);
  return write_bundle(options, packing, collector.collect(), core);
}

}  // namespace wayside::cli
