// One edge for a test: a PKI of its own, a real wayside-broker, and stock MQTT clients that talk to it.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "certs/command_keys.h"
#include "certs/pki.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "schemas/record.h"
#include "spool/lane.h"
#include "spool/spool.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace wayside::test {

inline constexpr const char* kVehicle = "WVWZZZ1JZXW000001";
inline constexpr const char* kOther = "WVWZZZ1JZXW000002";

// The integer member of a flat JSON object; -1 when it is not there.
inline long json_number(const std::string& json, const std::string& key) {
  const std::size_t at = json.find("\"" + key + "\":");
  return at == std::string::npos ? -1 : std::strtol(json.c_str() + at + key.size() + 3, nullptr, 10);
}

// Owns    the folder, the PKI, at most one running wayside-broker.
// Thread  one.
class EdgeFixture {
 public:
  EdgeFixture() {
    auto pki = certs::Pki::init(dir_ / "pki", {.development = true});
    REQUIRE(pki.ok());
    REQUIRE(pki->issue_edge("edge-1").ok());
    for (const char* vehicle : {kVehicle, kOther}) REQUIRE(pki->issue_vehicle(vehicle, "model-x").ok());
    for (const char* service : {"region-app", "viewer"}) REQUIRE(pki->issue_service(service).ok());
    auto keys = certs::CommandKeys::open(dir_ / "pki");
    REQUIRE(keys.ok());
    REQUIRE(keys->init_root().ok());
    REQUIRE(keys->new_grant_key().ok());
    REQUIRE(keys->trust(os::SystemClock().wall()).ok());
    dir_.write("edge.toml", configuration());
  }

  // Starts the broker and waits until its listeners are up.
  void start(const std::vector<std::string>& sets = {}) {
    std::vector<std::string> argv = {WAYSIDE_BIN_DIR "/wayside-broker", "--config", dir_ / "edge.toml"};
    for (const std::string& set : sets) argv.insert(argv.end(), {"--set", set});
    std::remove(ports_path().c_str());
    broker_.emplace(std::move(argv), Process::Options{.output = dir_ / "broker.log"});
    const bool up = wait_until([this] { return !slurp(ports_path()).empty() || !broker_->running(); }, 15'000);
    INFO(slurp(dir_ / "broker.log"));
    REQUIRE(up);
    REQUIRE(broker_->running());
  }
  Process& broker() { return *broker_; }
  [[nodiscard]] long port(const std::string& name) const { return json_number(slurp(ports_path()), name); }
  [[nodiscard]] std::string log() const { return slurp(dir_ / "broker.log"); }
  [[nodiscard]] const TempDir& dir() const { return dir_; }

  // A stock client as the vehicle, or as a service: `program` plus address and certificates plus `more`.
  [[nodiscard]] std::vector<std::string> as_vehicle(const std::string& program, const std::string& id,
                                                    const std::vector<std::string>& more) const {
    return client(program, "vehicles", "vehicles/" + id, id, more);
  }
  [[nodiscard]] std::vector<std::string> as_service(const std::string& program, const std::string& name,
                                                    const std::vector<std::string>& more) const {
    return client(program, "services", "services/" + name, name, more);
  }

  // One JSON line to admin.sock and its answer, by a stock tool-free client.
  [[nodiscard]] std::string admin_socket() const { return dir_ / "run/admin.sock"; }

  // Every record of a lane, read as another process would: from the files, up to the synced page.
  struct Stored {
    std::string topic;
    std::string vehicle;
    std::string payload;
    std::string cohort;
  };
  [[nodiscard]] std::vector<Stored> records(Lane lane) const {
    const auto disk = os::make_posix_disk();
    auto volume = spool::open_volume(*disk, dir_ / "state/spool", spool::VolumeRole::reader, {});
    REQUIRE(volume.ok());
    auto reader = spool::LaneReader::open(*disk, volume->lane_dir(lane), volume->uuid, lane);
    REQUIRE(reader.ok());
    std::vector<Stored> out;
    for (Offset at{}; at < (*reader)->synced();) {
      auto read = (*reader)->read(at, 1000, 1U << 20U);
      REQUIRE(read.ok());
      for (const spool::ReadRecord& record : *read) {
        CHECK(record.offset == at);
        at = record.offset + 1;
        auto decoded = schemas::decode_record(record.body);
        REQUIRE(decoded.ok());
        out.push_back({std::string(decoded->topic), std::string(decoded->vehicle),
                       std::string(as_text(decoded->payload)), std::string(decoded->cohort)});
      }
    }
    return out;
  }

 private:
  [[nodiscard]] std::string ports_path() const { return dir_ / "run/ports.json"; }
  [[nodiscard]] std::vector<std::string> client(const std::string& program, const std::string& listener,
                                                const std::string& leaf, const std::string& id,
                                                const std::vector<std::string>& more) const {
    const std::string pki = dir_ / "pki/";
    std::vector<std::string> argv = {program,
                                     "-h",
                                     "localhost",
                                     "-p",
                                     std::to_string(port(listener)),
                                     "--cafile",
                                     pki + "ca/links.crt",
                                     "--cert",
                                     pki + leaf + ".crt",
                                     "--key",
                                     pki + leaf + ".key",
                                     "-i",
                                     id};
    argv.insert(argv.end(), more.begin(), more.end());
    return argv;
  }
  [[nodiscard]] std::string configuration() const {
    const std::string pki = dir_ / "pki";
    const auto listener = [&](const std::string& section) {
      return "[" + section + "]\nlisten = \"127.0.0.1:0\"\ncertificate = \"" + pki +
             "/edge/edge-1/server.crt\"\nkey = \"" + pki + "/edge/edge-1/server.key\"\nca = \"" + pki + "/ca/" +
             section + ".crt\"\ncrl = \"" + pki + "/crl/" + section + ".crl\"\n";
    };
    return "[edge]\nname = \"edge-1\"\nregion = \"demo\"\nstate_dir = \"" + (dir_ / "state") + "\"\nrun_dir = \"" +
           (dir_ / "run") + "\"\n" + listener("vehicles") + "allow_development_ca = true\n" + listener("services") +
           "[custody]\nsegment_bytes_max = 2097152\nlane_state_bytes_max = 33554432\nlane_bulk_bytes_max = 33554432\n"
           "lane_event_bytes_max = 33554432\nlane_ack_bytes_max = 33554432\n" +
           "[commands]\nroot_key_file = \"" + pki + "/commands/root.pub\"\ntrust_dir = \"" + pki +
           "/commands/trust\"\n[privacy]\nregion_key_file = \"" + pki + "/region.key\"\n" +
           "[[acl]]\nservice = \"region-app\"\npublish = [\"request\"]\nsubscribe = [\"status\", \"presence\"]\n"
           "vehicles = [\"*\"]\nordinary = true\n[[acl]]\nservice = \"viewer\"\nsubscribe = [\"presence\"]\n"
           "vehicles = [\"*\"]\n";
  }

  TempDir dir_{"edge"};
  std::optional<Process> broker_;
};

}  // namespace wayside::test
