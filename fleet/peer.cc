#include "fleet/peer.h"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include "common/os/system.h"
#include "fleet/ports.h"
#include "fleet/verify.h"

namespace wayside::fleet {
namespace {

constexpr int kReadyTimeoutMs = 15'000;

std::string tuning(PeerSettings settings, const std::string& dir) {
  std::string text = geteuid() == 0 ? "user root\n" : "";
  text += "log_dest stderr\nlog_type error\nlog_type warning\nallow_anonymous true\n";
  if (settings == PeerSettings::defaults) return text;
  text += "max_queued_messages 0\nmax_inflight_messages 1000\n";
  if (settings == PeerSettings::memory) return text;
  return text + fmt::format(
                    "persistence true\npersistence_location {}/\nautosave_interval 1\nautosave_on_changes true\n", dir);
}

std::string tls(const std::string& ca, const std::string& leaf) {
  return fmt::format("cafile {}\ncertfile {}.crt\nkeyfile {}.key\nrequire_certificate true\n", ca, leaf, leaf);
}

std::string bridge(PeerSettings settings, const std::string& pki, const std::string& edge, int relay_port) {
  const auto leaf = pki + "/edge/" + edge + "/link";
  std::string text = fmt::format(
      "\nconnection core\naddress 127.0.0.1:{}\nbridge_cafile {}/ca/links.crt\nbridge_certfile {}.crt\n"
      "bridge_keyfile {}.key\nremote_clientid {}\n",
      relay_port, pki, leaf, leaf, edge);
  if (settings == PeerSettings::defaults) return text + "topic v1/# out\n";
  return text + "topic v1/# out 1\ncleansession false\nrestart_timeout 1\n";
}

}  // namespace

Peer::~Peer() {
  if (cars_) cars_->stop();
  if (recorder_) recorder_->stop();
}

Result<void> Peer::write_files(int vehicles_port, int core_port) {
  const auto& pki = options_.cars.pki;
  for (const auto* folder : {"/edge", "/core", "/journals", "/sink"}) {
    if (auto made = os::make_dirs(options_.dir + folder); !made) return made;
  }
  const auto edge = tuning(options_.settings, options_.dir + "/edge") +
                    fmt::format("listener {} 127.0.0.1\n", vehicles_port) +
                    tls(pki + "/ca/vehicles.crt", pki + "/edge/" + options_.edge + "/server") +
                    bridge(options_.settings, pki, options_.edge, relay_->port());
  const auto core = tuning(options_.settings, options_.dir + "/core") +
                    fmt::format("listener {} 127.0.0.1\n", core_port) +
                    tls(pki + "/ca/links.crt", pki + "/core/" + options_.core + "/server");
  if (auto written = os::write_file_atomic(options_.dir + "/edge/mosquitto.conf", edge, 0600); !written) return written;
  return os::write_file_atomic(options_.dir + "/core/mosquitto.conf", core, 0600);
}

Result<void> Peer::start_recorder() {
  const auto leaf = options_.cars.pki + "/core/" + options_.core + "/link";
  RecorderOptions recorder;
  recorder.to = {"127.0.0.1", core_port_};
  recorder.tls = {options_.cars.pki + "/ca/links.crt", leaf + ".crt", leaf + ".key"};
  recorder.file = options_.dir + "/sink/received.jsonl";
  auto started = Recorder::start(recorder);
  if (!started) return std::move(started).error();
  recorder_ = std::move(*started);
  for (int waited = 0; !recorder_->subscribed(); waited += 20) {
    if (waited > kReadyTimeoutMs) return Error{Fault::timeout, "the recorder cannot subscribe at the stock broker"};
    poll(nullptr, 0, 20);
  }
  return {};
}

Result<std::unique_ptr<Peer>> Peer::start(PeerOptions options, Disk& disk) {
  auto peer = std::unique_ptr<Peer>(new Peer(std::move(options)));
  PortPicker picker(os::random_seed());
  auto vehicles_port = picker.pick();
  if (!vehicles_port) return std::move(vehicles_port).error();
  auto core_port = picker.pick();
  if (!core_port) return std::move(core_port).error();
  peer->core_port_ = *core_port;
  auto relay = Relay::start(*core_port);
  if (!relay) return std::move(relay).error();
  peer->relay_ = std::move(*relay);
  if (auto written = peer->write_files(*vehicles_port, *core_port); !written) return std::move(written).error();
  const auto process = [&](const char* name, const std::string& folder) {
    const auto at = peer->options_.dir + folder;
    return std::make_unique<Process>(
        ProcessSpec{name, {peer->options_.mosquitto, "-c", at + "/mosquitto.conf"}, at + "/mosquitto.log"});
  };
  peer->core_ = process("stock core broker", "/core");
  peer->edge_ = process("stock edge broker", "/edge");
  if (auto up = peer->start_core(); !up) return std::move(up).error();
  if (auto recording = peer->start_recorder(); !recording) return std::move(recording).error();
  if (auto started = peer->edge_->start(); !started) return std::move(started).error();
  if (!wait_port(*vehicles_port, kReadyTimeoutMs)) {
    return Error{Fault::unreachable,
                 "the stock edge broker does not start:\n" + log_tail(peer->edge_->spec().log_file)};
  }
  auto cars = peer->options_.cars;
  cars.journal = peer->options_.dir + "/journals/cars.jsonl";
  cars.region.clear();
  cars.to = peer->options_.cars.to = {"127.0.0.1", *vehicles_port};
  auto pool = make_cars(cars, disk);
  if (!pool) return std::move(pool).error();
  peer->cars_ = std::move(*pool);
  if (auto started = peer->cars_->start(); !started) return std::move(started).error();
  return peer;
}

void Peer::kill_core() { core_->kill_now(); }

Result<void> Peer::start_core() {
  if (auto started = core_->start(); !started) return started;
  if (wait_port(core_port_, kReadyTimeoutMs)) return {};
  return Error{Fault::unreachable, "the stock core broker does not start:\n" + log_tail(core_->spec().log_file)};
}

Result<PeerResult> Peer::result() {
  cars_->stop();
  recorder_->stop();
  const auto report = verify(options_.dir + "/journals", options_.dir + "/sink");
  if (!report) return report.error();
  return PeerResult{report->acked, report->arrived, report->missing, relay_->bytes()};
}

}  // namespace wayside::fleet
