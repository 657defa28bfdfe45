// What an operator sees and does: status, ledger, block, drain, health and metrics of a running wayside-broker.
#include <signal.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "common/metrics/samples.h"
#include "fleet/admin.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

std::string ask(const EdgeFixture& edge, const std::string& line) {
  Result<std::string> reply = fleet::admin_ask(edge.dir() / "run/admin.sock", line);
  REQUIRE(reply.ok());
  return *reply;
}

bool says(const std::string& text, const std::string& words) {
  UNSCOPED_INFO(text);
  return text.find(words) != std::string::npos;
}

Ran publish(const EdgeFixture& edge, const std::string& id) {
  return run(edge.as_vehicle("mosquitto_pub", id,
                             {"-d", "-V", "mqttv5", "-q", "1", "-t", "v1/" + id + "/state/Vehicle/Speed", "-m", "1"}));
}

fleet::HttpReply get(const EdgeFixture& edge, const std::string& path) {
  Result<fleet::HttpReply> reply = fleet::http_get(static_cast<int>(edge.port("metrics")), path);
  REQUIRE(reply.ok());
  return *reply;
}

}  // namespace

TEST_CASE("Operator: status and ledger tell what the edge holds, and the door adds up") {
  EdgeFixture edge;
  edge.start();
  const std::string status = ask(edge, R"({"op":"status"})");
  CHECK(says(status, R"("ok":true,"edge":"edge-1","region":"demo")"));
  CHECK(says(status, R"("custody_writable":true)"));
  for (int i = 0; i < 3; ++i) REQUIRE(publish(edge, kVehicle).exit_code == 0);
  std::string ledger;
  CHECK(wait_until(
      [&] {
        ledger = ask(edge, R"({"op":"ledger"})");
        return ledger.find(R"("lane":"state","received":3)") != std::string::npos;
      },
      5000));
  CHECK(says(ledger, R"("pending":3,"residual":0)"));
  CHECK(says(ledger, R"("door":{"offered":3,"committed":3,"refused":{},"shed":{}})"));
  CHECK(says(ask(edge, "{\"op\":\"explode\"}"), R"("ok":false,"reason":"ADMIN_MALFORMED")"));
}

TEST_CASE("Operator: a blocked vehicle is cut off and refused without a CA, until it is unblocked") {
  EdgeFixture edge;
  edge.start();
  const Process connected(
      edge.as_vehicle("mosquitto_sub", kVehicle, {"-V", "mqttv5", "-t", std::string("v1/") + kVehicle + "/cmd/+"}));
  REQUIRE(wait_until([&] { return ask(edge, R"({"op":"status"})").find("\"vehicles_online\":1") != std::string::npos; },
                     10'000));
  CHECK(ask(edge, std::string(R"({"op":"block","vehicle":")") + kVehicle + "\"}") == "{\"ok\":true}");
  CHECK(wait_until([&] { return ask(edge, R"({"op":"status"})").find("\"vehicles_online\":0") != std::string::npos; },
                   10'000));
  CHECK(publish(edge, kVehicle).exit_code != 0);
  CHECK(publish(edge, kOther).exit_code == 0);
  CHECK(ask(edge, std::string(R"({"op":"unblock","vehicle":")") + kVehicle + "\"}") == "{\"ok\":true}");
  CHECK(wait_until([&] { return publish(edge, kVehicle).exit_code == 0; }, 10'000));
}

TEST_CASE("Operator: health, readiness and metrics are served on loopback") {
  EdgeFixture edge;
  edge.start();
  CHECK(get(edge, "/healthz").status == 200);
  CHECK(get(edge, "/readyz").status == 200);
  REQUIRE(publish(edge, kVehicle).exit_code == 0);
  const std::string text = get(edge, "/metrics").body;
  const auto samples = metrics::Samples::parse(text);
  CHECK(samples.sum("wayside_custody_commit_seconds_count", {{"lane", "state"}}) == 1);
  CHECK(samples.sum("wayside_door_records_total", {{"lane", "state"}, {"outcome", "committed"}}) == 1);
  CHECK(text.find("wayside_lane_oldest_seconds{lane=\"state\"}") != std::string::npos);
  CHECK(text.find("wayside_ledger_residual_records{lane=\"state\"} 0") != std::string::npos);
  CHECK(text.find(kVehicle) == std::string::npos);
}

TEST_CASE("Operator: door counts that cannot be persisted are said once, and once when they are again") {
  EdgeFixture edge;
  const std::string file = edge.dir() / "state/door.counts";
  std::filesystem::create_directories(file + "/in-the-way");
  edge.start();
  const auto lines = [&](const std::string& event) {
    const std::string log = edge.log();
    std::size_t count = 0;
    for (std::size_t at = log.find(event); at != std::string::npos; at = log.find(event, at + 1)) ++count;
    return count;
  };
  REQUIRE(wait_until([&] { return lines(" door_counts ") > 0; }, 5'000));
  std::this_thread::sleep_for(std::chrono::milliseconds(3'500));  // three more times at the least
  CHECK(lines(" door_counts ") == 1);
  std::filesystem::remove_all(file);
  REQUIRE(wait_until([&] { return lines(" door_counts_over ") > 0; }, 5'000));
  CHECK(std::filesystem::is_regular_file(file));
  const std::string log = edge.log();
  CHECK(says(log.substr(log.find(" door_counts_over ")), " times="));
  CHECK(log.find(" times=1\n", log.find(" door_counts_over ")) == std::string::npos);
  CHECK(lines(" door_counts ") == 1);
}

TEST_CASE("Operator: drain ends the broker with status 0, and its sockets are closed to others") {
  EdgeFixture edge;
  edge.start();
  struct stat mode{};
  REQUIRE(stat((edge.dir() / "run").c_str(), &mode) == 0);
  CHECK((mode.st_mode & 0777U) == 0700);
  REQUIRE(stat((edge.dir() / "run/admin.sock").c_str(), &mode) == 0);
  CHECK((mode.st_mode & 0777U) == 0600);
  CHECK(ask(edge, R"({"op":"drain"})") == "{\"ok\":true}");
  CHECK(edge.broker().wait(15'000) == 0);
}

TEST_CASE("Operator: nothing that the edge writes can be read by another user, in whatever folder it was put") {
  EdgeFixture edge;
  std::filesystem::create_directory(edge.dir() / "state");
  REQUIRE(chmod((edge.dir() / "state").c_str(), 0755) == 0);
  const mode_t before = umask(0);  // the broker inherits it
  edge.start();
  umask(before);
  REQUIRE(publish(edge, kVehicle).exit_code == 0);
  CHECK(says(ask(edge, std::string(R"({"op":"block","vehicle":")") + kVehicle + "\"}"), R"("ok":true)"));
  std::size_t files = 0;
  for (const char* folder : {"state", "run"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(edge.dir() / folder)) {
      INFO(entry.path().string());
      if (entry.is_socket()) continue;  // theirs is the folder: 0700
      ++files;
      CHECK((entry.status().permissions() & std::filesystem::perms(0077)) == std::filesystem::perms::none);
    }
  }
  CHECK(files > 20);
}

TEST_CASE("Operator: SIGHUP reads the revocation list again, and the revoked vehicle is refused") {
  EdgeFixture edge;
  edge.start();
  REQUIRE(publish(edge, kVehicle).exit_code == 0);
  auto pki = certs::Pki::open(edge.dir() / "pki");
  REQUIRE(pki.ok());
  REQUIRE(pki->revoke(std::string("vehicles/") + kVehicle + ".crt").ok());
  edge.broker().signal(SIGHUP);
  CHECK(wait_until([&] { return publish(edge, kVehicle).exit_code != 0; }, 10'000));
  CHECK(publish(edge, kOther).exit_code == 0);
}

TEST_CASE("Operator: a second broker on the same volume is fenced by its lock") {
  EdgeFixture edge;
  edge.start();
  const std::string program = WAYSIDE_BIN_DIR "/wayside-broker";
  const std::string other_run_dir = "edge.run_dir=" + (edge.dir() / "run2");
  const Ran second = run({program, "--config", edge.dir() / "edge.toml", "--set", other_run_dir});
  INFO(second.output);
  CHECK(second.exit_code == 1);
  CHECK(publish(edge, kVehicle).exit_code == 0);
}

}  // namespace wayside::test
