// Commands that ask processes for their metrics find them wherever metrics.listen is.
#include <nlohmann/json.hpp>

#include "tests/integration/bridge_fixture.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

std::string wayside() { return WAYSIDE_BIN_DIR "/wayside"; }

// The bridge of an EdgeFixture, to a core that is not there.
std::vector<std::string> bridge_of(const EdgeFixture& edge, const std::string& listen) {
  const std::string link = edge.dir() / "pki/edge/edge-1/link";
  edge.dir().write("bridge.toml", "[edge]\nname = \"edge-1\"\nregion = \"demo\"\nstate_dir = \"" +
                                      (edge.dir() / "state") + "\"\nrun_dir = \"" + (edge.dir() / "run") +
                                      "\"\n[core]\naddress = \"localhost:1\"\nca = \"" +
                                      (edge.dir() / "pki/ca/links.crt") + "\"\ncertificate = \"" + link +
                                      ".crt\"\nkey = \"" + link + ".key\"\n[metrics]\nlisten = \"" + listen + "\"\n");
  return {WAYSIDE_BIN_DIR "/wayside-bridge", "edge", "--config", edge.dir() / "bridge.toml"};
}

nlohmann::json told(const std::string& file) { return nlohmann::json::parse(slurp(file), nullptr, false); }

// Broker and bridge listen there; status, top and support-bundle see both.
void check_seen(const std::string& listen, const std::string& host) {
  INFO("metrics.listen " << listen);
  EdgeFixture edge;
  edge.start({"metrics.listen=" + listen});
  const Process bridge(bridge_of(edge, listen), Process::Options{.output = edge.dir() / "bridge.log"});
  const std::string run_dir = edge.dir() / "run";
  const std::string announced = run_dir + "/bridge-edge.json";
  const bool up = wait_until([&] { return told(announced).is_object(); }, 15'000);
  INFO(slurp(edge.dir() / "bridge.log"));
  REQUIRE(up);
  CHECK(told(run_dir + "/ports.json").value("metrics_host", "") == host);
  CHECK(told(announced).value("metrics_host", "") == host);

  const Ran status = run({wayside(), "status", run_dir, "--json"});
  INFO(status.output);
  const auto seen = nlohmann::json::parse(status.output, nullptr, false);
  REQUIRE(seen.is_object());
  CHECK(seen["edge"] == "edge-1");
  CHECK(seen["link"]["answers"] == true);

  const Ran top = run({wayside(), "top", run_dir, "--once", "--json", "--interval-ms", "200"});
  INFO(top.output);
  CHECK(top.exit_code == 0);

  const Ran bundle = run({wayside(), "support-bundle", run_dir, "-o", edge.dir() / "bundle.tar.gz"});
  INFO(bundle.output);
  CHECK(bundle.exit_code == 0);
  const Ran metrics = run({"tar", "-xzOf", edge.dir() / "bundle.tar.gz", "wayside-support/metrics/broker.txt",
                           "wayside-support/metrics/bridge-edge.txt"});
  CHECK(metrics.output.find("wayside_gate_connections") != std::string::npos);
  CHECK(metrics.output.find("wayside_link_up") != std::string::npos);
}

}  // namespace

TEST_CASE("status, top and support-bundle ask an edge where its metrics.listen is") {
  check_seen("127.0.0.2:0", "127.0.0.2");
  check_seen("0.0.0.0:0", "127.0.0.1");
}

TEST_CASE("status, top and support-bundle ask an edge that listens on IPv6") {
  const Ran six = run({"cat", "/proc/net/if_inet6"});
  if (six.output.find("00000000000000000000000000000001") == std::string::npos) SKIP("this host has no ::1");
  check_seen("[::1]:0", "::1");
  check_seen("[::]:0", "::1");
}

TEST_CASE("wayside ledger --core asks the core's bridge where its metrics.listen is") {
  BridgeFixture world;
  world.dir().write("core.toml", slurp(world.dir() / "core.toml") + "[metrics]\nlisten = \"127.0.0.2:0\"\n");
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  world.append(Lane::event, "v1/V1/event/door", as_bytes("open"));
  world.commit(Lane::event);
  const bool settled = wait_until([&] { return world.all_settled(); }, 30'000);
  INFO(world.logs());
  REQUIRE(settled);
  const Ran ledger =
      run({wayside(), "ledger", world.dir() / "edge/spool", "--core", world.dir() / "run", "--edge", "edge-1"});
  INFO(ledger.output);
  CHECK(ledger.exit_code == 0);
  CHECK(ledger.output.find("edge and core are equal") != std::string::npos);
}

}  // namespace wayside::test
