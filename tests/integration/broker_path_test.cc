// The path from a vehicle into custody, through the real wayside-broker with stock MQTT clients.
#include <signal.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

using Words = std::vector<std::string>;

const std::string kSpeed = std::string("v1/") + kVehicle + "/state/Vehicle/Speed";

Words publish(const std::string& topic, const std::string& payload, const Words& more = {}) {
  Words words = {"-d", "-q", "1", "-t", topic, "-m", payload};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

// Stock clients buffer what they print into a file: line by line, so that the test sees it in time.
Words by_line(Words argv) {
  argv.insert(argv.begin(), {"stdbuf", "-oL"});
  return argv;
}

// Gone, or a zombie that waits for somebody to reap it.
bool is_gone(long pid) { return slurp("/proc/" + std::to_string(pid) + "/cmdline").empty(); }

std::size_t count_of(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++count;
  return count;
}

}  // namespace

TEST_CASE("Broker: a vehicle's QoS 1 publish is acknowledged and lies in the spool") {
  EdgeFixture edge;
  edge.start();
  for (const char* version : {"mqttv5", "mqttv311"}) {
    CAPTURE(version);
    const Ran ran = run(edge.as_vehicle("mosquitto_pub", kVehicle, publish(kSpeed, version, {"-V", version})));
    INFO(ran.output << edge.log());
    CHECK(ran.exit_code == 0);
    CHECK(ran.output.find("received PUBACK") != std::string::npos);
  }
  const auto stored = edge.records(Lane::state);
  REQUIRE(stored.size() == 2);
  CHECK(stored[0].topic == kSpeed);
  CHECK(stored[0].vehicle == kVehicle);
  CHECK(stored[0].payload == "mqttv5");
  CHECK(stored[0].cohort == "model-x");
  CHECK(stored[1].payload == "mqttv311");
  CHECK(edge.log().find(kVehicle) == std::string::npos);
}

TEST_CASE("Broker: a denied topic is refused with its reason and stores nothing") {
  EdgeFixture edge;
  edge.start();
  for (const std::string& topic : {std::string("v1/") + kOther + "/state/Vehicle/Speed",
                                   std::string("v1/") + kVehicle + "/presence", std::string("anything/else")}) {
    CAPTURE(topic);
    const Ran ran = run(edge.as_vehicle("mosquitto_pub", kVehicle, publish(topic, "x", {"-V", "mqttv5"})));
    INFO(ran.output);
    CHECK(ran.output.find("RC:135") != std::string::npos);
  }
  for (const Lane lane : kAllLanes) {
    if (lane != Lane::event) CHECK(edge.records(lane).empty());
  }
}

TEST_CASE("Broker: a client whose certificate is of another listener, or which has none, is not let in") {
  EdgeFixture edge;
  edge.start();
  Words service_on_vehicles = edge.as_service("mosquitto_pub", "region-app", publish(kSpeed, "x", {"-V", "mqttv5"}));
  *(std::find(service_on_vehicles.begin(), service_on_vehicles.end(), "-p") + 1) =
      std::to_string(edge.port("vehicles"));
  CHECK(run(service_on_vehicles).exit_code != 0);
  Words other_id = edge.as_vehicle("mosquitto_pub", kVehicle, publish(kSpeed, "x", {"-V", "mqttv5"}));
  *(std::find(other_id.begin(), other_id.end(), "-i") + 1) = kOther;
  const Ran mismatch = run(other_id);
  INFO(mismatch.output);
  CHECK(mismatch.exit_code != 0);
  CHECK(edge.records(Lane::state).empty());
}

TEST_CASE("Broker: kill -9 during traffic and a restart keep every acknowledged record") {
  EdgeFixture edge;
  edge.start();
  for (int round = 0; round < 3; ++round) {
    const std::string output = edge.dir() / ("pub" + std::to_string(round));
    const Words argv = by_line(edge.as_vehicle(
        "mosquitto_pub", kVehicle, publish(kSpeed, std::string(200, 'x'), {"-V", "mqttv5", "--repeat", "200000"})));
    const std::size_t before = edge.records(Lane::state).size();
    Process publisher(argv, {.output = output});
    REQUIRE(wait_until([&] { return count_of(slurp(output), "RC:0)") >= 100; }, 20'000));
    edge.broker().kill_now();
    publisher.stop();
    const std::size_t acked = count_of(slurp(output), "RC:0)");
    edge.start();
    const std::size_t kept = edge.records(Lane::state).size() - before;
    INFO("round " << round << ": acknowledged " << acked << ", kept " << kept);
    CHECK(acked >= 100);
    CHECK(kept >= acked);
  }
}

TEST_CASE("Broker: SIGTERM says goodbye to the vehicles and exits 0") {
  EdgeFixture edge;
  edge.start();
  const std::string heard = edge.dir() / "heard";
  const Process vehicle(
      by_line(edge.as_vehicle("mosquitto_sub", kVehicle,
                              {"-d", "-V", "mqttv5", "-q", "1", "-t", std::string("v1/") + kVehicle + "/cmd/+"})),
      {.output = heard});
  REQUIRE(wait_until([&] { return slurp(heard).find("Subscribed (mid: 1): 1") != std::string::npos; }, 10'000));
  edge.broker().signal(SIGTERM);
  const std::optional<int> status = edge.broker().wait(15'000);
  INFO(edge.log() << slurp(heard));
  CHECK(status == 0);
  CHECK(edge.log().find("drained") != std::string::npos);
  CHECK(wait_until([&] { return slurp(heard).find("DISCONNECT (139)") != std::string::npos; }, 5000));
}

TEST_CASE("Broker: custody goes on while the local broker is killed, and it comes back") {
  EdgeFixture edge;
  edge.start();
  const long mosquitto = edge.port("mosquitto_pid");
  REQUIRE(mosquitto > 1);
  kill(static_cast<pid_t>(mosquitto), SIGKILL);
  const Ran ran = run(edge.as_vehicle("mosquitto_pub", kVehicle, publish(kSpeed, "alone", {"-V", "mqttv5"})));
  INFO(ran.output << edge.log());
  CHECK(ran.exit_code == 0);
  CHECK(edge.records(Lane::state).size() == 1);
  CHECK(wait_until([&] { return count_of(edge.log(), "local_broker_started") == 2; }, 10'000));
}

TEST_CASE("Broker: kill -9 leaves no local broker behind") {
  EdgeFixture edge;
  edge.start();
  const long mosquitto = edge.port("mosquitto_pid");
  REQUIRE(mosquitto > 1);
  edge.broker().kill_now();
  CHECK(wait_until([&] { return is_gone(mosquitto); }, 5000));
  edge.start();
}

TEST_CASE("Broker: a broadcast of a service reaches a subscribed vehicle through the local broker") {
  EdgeFixture edge;
  edge.start();
  const std::string heard = edge.dir() / "heard";
  const Process vehicle(
      by_line(edge.as_vehicle("mosquitto_sub", kVehicle, {"-d", "-V", "mqttv5", "-q", "1", "-t", "b/weather/#"})),
      {.output = heard});
  const bool subscribed =
      wait_until([&] { return slurp(heard).find("Subscribed (mid: 1): 1\n") != std::string::npos; }, 10'000);
  INFO(slurp(heard) << edge.log());
  REQUIRE(subscribed);
  const Ran sent =
      run(edge.as_service("mosquitto_pub", "region-app", publish("b/weather/ice", "careful", {"-V", "mqttv5"})));
  INFO(sent.output);
  CHECK(sent.exit_code == 0);
  CHECK(wait_until([&] { return slurp(heard).find("careful") != std::string::npos; }, 10'000));
  // A service without the right for ordinary rows is refused.
  const Ran viewer = run(edge.as_service("mosquitto_pub", "viewer", publish("b/weather/ice", "no", {"-V", "mqttv5"})));
  CHECK(viewer.output.find("RC:135") != std::string::npos);
}

TEST_CASE("Broker: a configuration that cannot be is refused with status 2") {
  EdgeFixture edge;
  const std::string program = WAYSIDE_BIN_DIR "/wayside-broker";
  const std::string file = edge.dir() / "edge.toml";
  CHECK(run({program, "--config", file, "--check-config"}).exit_code == 0);
  const Ran typo = run({program, "--config", file, "--set", "custody.comit_bytes=5"});
  CHECK(typo.exit_code == 2);
  CHECK(typo.output.find("custody.commit_bytes") != std::string::npos);
  const Ran large = run({program, "--config", file, "--set", "custody.lane_state_bytes_max=1099511627776"});
  INFO(large.output);
  CHECK(large.exit_code == 2);
  CHECK(large.output.find("MiB") != std::string::npos);
  CHECK(run({program, "--bogus"}).exit_code == 2);
}

}  // namespace wayside::test
