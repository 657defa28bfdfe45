// A core and an edge's bridge for a test: a stock Mosquitto with two TLS listeners and ACLs, real wayside-bridge
// processes at both ends, and a spool that the test itself fills as a broker would.
#pragma once

#include <signal.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "schemas/record.h"
#include "schemas/signal_batch.h"
#include "spool/lane.h"
#include "spool/settlement.h"
#include "spool/spool.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {

// Owns    the folder, the PKI, the spool's writers, at most one of each process.
// Thread  one.
class BridgeFixture {
 public:
  BridgeFixture() : disk_(os::make_posix_disk()) {
    auto pki = certs::Pki::init(dir_ / "pki", {.development = true});
    REQUIRE(pki.ok());
    REQUIRE(pki->issue_edge("edge-1").ok());
    REQUIRE(pki->issue_edge("edge-2").ok());
    REQUIRE(pki->issue_core("core-1").ok());
    REQUIRE(pki->issue_service("backend").ok());
    auto keys = certs::CommandKeys::open(dir_ / "pki");
    REQUIRE(keys.ok());
    REQUIRE(keys->init_root().ok());
    REQUIRE(keys->new_grant_key().ok());
    REQUIRE(keys->trust(clock_.wall()).ok());
    REQUIRE(keys->init_issuer("backend").ok());
    auto port = os::free_port();
    auto services = os::free_port();
    REQUIRE((port.ok() && services.ok()));
    port_ = *port;
    services_port_ = *services;
    dir_.write("mosquitto.conf", mosquitto_configuration());
    dir_.write("links.acl",
               "user edge-1\ntopic write wayside/edge-1/up/#\ntopic read wayside/edge-1/down/#\n"
               "user core-1\ntopic readwrite #\n");
    dir_.write("services.acl",
               "user backend\ntopic write v1/+/request\ntopic read v1/#\n"
               "topic read wayside/answer/backend\n");
    dir_.write("edge.toml", edge_configuration());
    dir_.write("core.toml", core_configuration());
  }

  // ---- processes
  void start_mosquitto() {
    mosquitto_.emplace(std::vector<std::string>{"mosquitto", "-c", dir_ / "mosquitto.conf"},
                       Process::Options{.output = dir_ / "mosquitto.log"});
  }
  void start_edge() { edge_.emplace(bridge("edge"), Process::Options{.output = dir_ / "bridge-edge.log"}); }
  void start_core() { core_.emplace(bridge("core"), Process::Options{.output = dir_ / "bridge-core.log"}); }
  Process& mosquitto() { return *mosquitto_; }
  Process& edge() { return *edge_; }
  Process& core() { return *core_; }
  [[nodiscard]] std::string logs() const {
    return "--- edge\n" + slurp(dir_ / "bridge-edge.log") + "--- core\n" + slurp(dir_ / "bridge-core.log") +
           "--- mosquitto\n" + slurp(dir_ / "mosquitto.log");
  }

  // ---- the spool
  void open_spool() {
    auto volume = spool::open_volume(*disk_, dir_ / "edge/spool", spool::VolumeRole::writer, os::random_uuid());
    REQUIRE(volume.ok());
    volume_ = std::move(*volume);
    for (const Lane lane : kAllLanes) {
      spool::LaneOptions options;
      options.dir = volume_.lane_dir(lane);
      options.lane = lane;
      options.uuid = volume_.uuid;
      auto writer = spool::LaneWriter::open(*disk_, options, Offset{}, nullptr);
      REQUIRE(writer.ok());
      writers_[index_of(lane)] = std::move(*writer);
    }
  }
  // As after the broker's death.
  void close_spool() {
    for (auto& writer : writers_) writer.reset();
    volume_.lock.reset();
  }
  void append(Lane lane, const std::string& topic, ByteView payload, bool signals = false) {
    schemas::RecordView view;
    view.vehicle = "V1";
    view.topic = topic;
    view.payload = payload;
    view.cohort = "model-x";
    view.source_time = clock_.wall();
    view.signal_batch = signals;
    Bytes body;
    schemas::encode_record(view, body);
    Offset offset;
    REQUIRE(writers_[index_of(lane)]->append(body, "model-x", clock_.wall(), &offset) ==
            spool::AppendOutcome::appended);
  }
  void commit(Lane lane) { REQUIRE(writers_[index_of(lane)]->commit(clock_.wall()).ok()); }
  [[nodiscard]] Offset head(Lane lane) const { return writers_[index_of(lane)]->synced(); }
  [[nodiscard]] const SpoolUuid& uuid() const { return volume_.uuid; }
  [[nodiscard]] spool::Standing settled(Lane lane) const {
    auto standing = spool::read_settled(*disk_, volume_.lane_dir(lane), volume_.uuid, lane);
    return standing ? *standing : spool::Standing{};
  }
  [[nodiscard]] bool all_settled() const {
    for (const Lane lane : kAllLanes) {
      if (settled(lane).next != head(lane)) return false;
    }
    return true;
  }

  // ---- the file sink: how often each wayside-id appears, and the line of each.
  struct Sunk {
    std::map<std::string, unsigned> times;
    std::map<std::string, std::string> line;
  };
  [[nodiscard]] Sunk sunk() const {
    Sunk out;
    std::error_code none;
    for (const auto& file : std::filesystem::directory_iterator(dir_ / "sink", none)) {
      if (file.path().extension() != ".jsonl") continue;
      const std::string text = slurp(file.path().string());
      for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        add_line(text.substr(at, end - at), out);
      }
    }
    return out;
  }
  // Every committed record is in the file sink exactly once; says what is not.
  [[nodiscard]] std::string missing_or_twice() const {
    const Sunk all = sunk();
    std::string problems;
    std::uint64_t expected = 0;
    for (const Lane lane : kAllLanes) {
      for (std::uint64_t at = 0; at < head(lane).value; ++at, ++expected) {
        const auto found = all.times.find(wayside_id(uuid(), lane, {at}));
        if (found == all.times.end()) problems += "missing " + wayside_id(uuid(), lane, {at}) + "\n";
      }
    }
    for (const auto& [id, times] : all.times) {
      if (times > 1) problems += std::to_string(times) + " times " + id + "\n";
    }
    if (all.times.size() > expected) problems += "more ids than records\n";
    return problems;
  }

  [[nodiscard]] std::vector<std::string> as_backend(const std::string& program,
                                                    const std::vector<std::string>& more) const {
    std::vector<std::string> argv = {program,
                                     "-h",
                                     "localhost",
                                     "-p",
                                     std::to_string(services_port_),
                                     "-V",
                                     "5",
                                     "--cafile",
                                     dir_ / "pki/ca/links.crt",
                                     "--cert",
                                     dir_ / "pki/services/backend.crt",
                                     "--key",
                                     dir_ / "pki/services/backend.key"};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  [[nodiscard]] const TempDir& dir() const { return dir_; }
  [[nodiscard]] const os::SystemClock& clock() const { return clock_; }
  [[nodiscard]] int link_port() const { return port_; }

 private:
  static void add_line(const std::string& line, Sunk& out) {
    const std::size_t ids = line.find("\"ids\":[");
    const std::size_t end = line.find(']', ids);
    REQUIRE(ids != std::string::npos);
    for (std::size_t at = ids + 7; at < end;) {
      const std::size_t close = line.find('"', at + 1);
      const std::string id = line.substr(at + 1, close - at - 1);
      ++out.times[id];
      out.line[id] = line;
      at = close + 2;
    }
  }
  [[nodiscard]] std::vector<std::string> bridge(const std::string& end) const {
    return {WAYSIDE_BIN_DIR "/wayside-bridge", end, "--config", dir_ / (end + ".toml")};
  }
  [[nodiscard]] std::string mosquitto_configuration() const {
    const auto listener = [&](int port, const std::string& ca, const std::string& acl) {
      return "listener " + std::to_string(port) + " 127.0.0.1\ncafile " + (dir_ / ("pki/ca/" + ca + ".crt")) +
             "\ncertfile " + (dir_ / "pki/core/core-1/server.crt") + "\nkeyfile " +
             (dir_ / "pki/core/core-1/server.key") +
             "\nrequire_certificate true\nuse_identity_as_username true\nacl_file " + (dir_ / acl) + "\n";
    };
    return "per_listener_settings true\nuser root\npersistence false\nlog_type all\n" +
           listener(port_, "links", "links.acl") + listener(services_port_, "services", "services.acl");
  }
  [[nodiscard]] std::string edge_configuration() const {
    const std::string link = dir_ / "pki/edge/edge-1/link";
    return "[edge]\nname = \"edge-1\"\nregion = \"demo\"\nstate_dir = \"" + (dir_ / "edge") + "\"\nrun_dir = \"" +
           (dir_ / "run") + "\"\nbroker_socket = \"" + (dir_ / "bridge.sock") +
           "\"\n[core]\naddress = \"localhost:" + std::to_string(port_) + "\"\nca = \"" + (dir_ / "pki/ca/links.crt") +
           "\"\ncertificate = \"" + link + ".crt\"\nkey = \"" + link +
           ".key\"\n[link]\nresend_ms = 1000\nbatch_linger_ms = 40\nkeep_alive_s = 2\n";
  }
  [[nodiscard]] std::string core_configuration() const {
    const std::string link = dir_ / "pki/core/core-1/link";
    return "[core]\nname = \"core-1\"\nstate_dir = \"" + (dir_ / "core") + "\"\nrun_dir = \"" + (dir_ / "run") +
           "\"\n[broker]\naddress = \"localhost:" + std::to_string(port_) + "\"\nca = \"" +
           (dir_ / "pki/ca/links.crt") + "\"\ncertificate = \"" + link + ".crt\"\nkey = \"" + link +
           ".key\"\nkeep_alive_s = 2\n[commands]\nroot_key_file = \"" + (dir_ / "pki/commands/root.pub") +
           "\"\ntrust_dir = \"" + (dir_ / "pki/commands/trust") +
           "\"\nresend_ms = 300\n[[edge]]\nname = \"edge-1\"\nregion = \"demo\"\n[[sink]]\ntype = \"file\"\npath = \"" +
           (dir_ / "sink") + "\"\n[[sink]]\ntype = \"mqtt\"\n";
  }

  TempDir dir_{"bridge"};
  os::SystemClock clock_;
  std::unique_ptr<Disk> disk_;
  int port_ = 0;
  int services_port_ = 0;
  spool::Volume volume_;
  std::array<std::unique_ptr<spool::LaneWriter>, kLanes> writers_;
  std::optional<Process> mosquitto_;
  std::optional<Process> core_;
  std::optional<Process> edge_;
};

}  // namespace wayside::test
