// An edge whose volume comes back from an old copy, with real processes at both ends: nobody is called.
#include "spool/move.h"
#include "tests/integration/bridge_fixture.h"
#include "tests/integration/edge_fixture.h"

namespace wayside::test {
namespace {

namespace fs = std::filesystem;

// Owns    a region of one edge: its broker with vehicles, its bridge, core broker and core.
// Thread  one.
class Region {
 public:
  Region() {
    std::string config = slurp(link.dir() / "edge.toml");
    const auto put = [&](const std::string& old, const std::string& fresh) {
      config.replace(config.find(old), old.size(), fresh);
    };
    put(link.dir() / "edge\"", state() + "\"");
    put(link.dir() / "bridge.sock", edge.dir() / "run/bridge.sock");
    link.dir().write("edge.toml", config);
    link.start_mosquitto();
    link.start_core();
    edge.start();
  }
  [[nodiscard]] std::string state() const { return edge.dir() / "state"; }

  // Acknowledged when it returns.
  void publish(const std::string& lane, const std::string& text, unsigned times) const {
    const Ran sent = run(edge.as_vehicle("mosquitto_pub", kVehicle,
                                         {"-t", std::string("v1/") + kVehicle + "/" + lane, "-m", text, "-q", "1",
                                          "--repeat", std::to_string(times)}),
                         60'000);
    INFO(sent.output);
    REQUIRE(sent.exit_code == 0);
  }
  [[nodiscard]] SpoolUuid uuid() const {
    const auto disk = os::make_posix_disk();
    const auto volume = spool::open_volume(*disk, state() + "/spool", spool::VolumeRole::reader, {});
    return volume ? volume->uuid : SpoolUuid{};
  }
  // Records of that text in the file sink, each of which has an id of its own.
  [[nodiscard]] unsigned sunk(const std::string& text) const {
    unsigned count = 0;
    const auto all = link.sunk();
    for (const auto& [id, line] : all.line) count += line.find(text) != std::string::npos ? 1 : 0;
    return count;
  }
  [[nodiscard]] std::string twice() const {
    const auto all = link.sunk();
    std::string out;
    for (const auto& [id, times] : all.times) out += times > 1 ? id + "\n" : "";
    return out;
  }
  [[nodiscard]] std::string logs() const { return link.logs() + "--- broker\n" + edge.log(); }

  EdgeFixture edge;
  BridgeFixture link;
};

}  // namespace

TEST_CASE(
    "a volume from an old copy that took more records goes on by itself, and each of them reaches the core once") {
  Region region;
  region.link.start_edge();
  region.publish("event/door", "first-", 30);
  REQUIRE(wait_until([&] { return region.sunk("first-") == 30; }, 20'000));
  REQUIRE(region.link.edge().stop() == 0);
  region.publish("event/door", "second-", 20);  // in the copy, and at the core only after it was made
  region.publish("bulk/log", "second-", 20);
  REQUIRE(region.edge.broker().stop() == 0);
  fs::copy(region.state(), region.edge.dir() / "copy", fs::copy_options::recursive);

  region.edge.start();
  region.link.start_edge();
  region.publish("event/door", "third-", 40);
  REQUIRE(wait_until([&] { return region.sunk("third-") == 40 && region.sunk("second-") == 40; }, 20'000));
  const SpoolUuid before = region.uuid();
  region.edge.broker().kill_now();
  region.link.edge().kill_now();

  fs::rename(region.state(), region.edge.dir() / "gone");
  fs::rename(region.edge.dir() / "copy", region.state());
  region.edge.start();
  region.publish("event/door", "fourth-", 90);
  region.publish("state/Vehicle/Speed", "fourth-", 5);
  const int pid = region.edge.broker().pid();
  region.link.start_edge();
  const bool all = wait_until([&] { return region.sunk("fourth-") == 95; }, 40'000);
  INFO(region.logs());
  REQUIRE(all);
  CHECK(region.sunk("first-") == 30);
  CHECK(region.sunk("second-") == 40);
  CHECK(region.sunk("third-") == 40);
  CHECK(region.twice().empty());

  // The same process, another spool, and vehicles are served.
  CHECK(region.edge.broker().running());
  CHECK(region.edge.broker().pid() == pid);
  CHECK(region.uuid() != before);
  region.publish("event/door", "fifth-", 10);
  CHECK(wait_until([&] { return region.sunk("fifth-") == 10; }, 20'000));
  CHECK(region.twice().empty());
  CHECK(region.link.logs().find("SPOOL_MOVED") != std::string::npos);
  CHECK(region.edge.log().find("spool_moved lane=event from=" + to_string(before)) != std::string::npos);
  CHECK_FALSE(fs::exists(region.state() + "/spool.closed"));
  CHECK_FALSE(fs::exists(region.state() + "/spool.next"));

  std::vector<std::string> ledger = {WAYSIDE_BIN_DIR "/wayside", "ledger", region.state(), "--core",
                                     region.link.dir() / "run",  "--edge", "edge-1"};
  Ran told;
  CHECK(wait_until([&] { return (told = run(ledger)).exit_code == 0; }, 20'000));
  INFO(told.output);
  CHECK(told.output.find("goes on for " + to_string(before)) != std::string::npos);
}

TEST_CASE("a broker that is killed again and again while it closes and moves a spool finishes it and serves") {
  Region region;
  region.link.start_edge();
  region.publish("event/door", "first-", 30);
  REQUIRE(wait_until([&] { return region.sunk("first-") == 30; }, 20'000));
  REQUIRE(region.link.edge().stop() == 0);
  REQUIRE(region.edge.broker().stop() == 0);
  fs::copy(region.state(), region.edge.dir() / "copy", fs::copy_options::recursive);
  region.edge.start();
  region.link.start_edge();
  region.publish("event/door", "second-", 30);
  REQUIRE(wait_until([&] { return region.sunk("second-") == 30; }, 20'000));
  region.edge.broker().kill_now();
  region.link.edge().kill_now();
  fs::rename(region.state(), region.edge.dir() / "gone");
  fs::rename(region.edge.dir() / "copy", region.state());
  region.edge.start();
  const std::string large(100'000, 'x');
  for (unsigned n = 0; n < 4; ++n) region.publish("bulk/log", "third-" + large, 40);
  const SpoolUuid before = region.uuid();
  region.link.start_edge();
  const auto closed = [&] { return fs::exists(region.state() + "/spool/closing.mark"); };
  REQUIRE(wait_until(closed, 20'000));
  // Killed a little later each time, until one of them gets through.
  (void)wait_until([&] { return fs::exists(region.state() + "/spool.next") || region.uuid() != before; }, 20'000);
  region.edge.broker().kill_now();
  for (int round = 0; round < 60 && region.uuid() == before; ++round) {
    const std::vector<std::string> argv = {WAYSIDE_BIN_DIR "/wayside-broker", "--config",
                                           region.edge.dir() / "edge.toml"};
    Process again(argv, {.output = region.edge.dir() / "killed.log"});
    (void)wait_until([&] { return region.uuid() != before; }, 20 * round);
    again.kill_now();
  }
  region.edge.start();
  const bool all = wait_until([&] { return region.sunk("third-") == 160; }, 90'000);
  INFO(region.logs());
  CHECK(all);
  CHECK(region.uuid() != before);
  CHECK(region.sunk("first-") == 30);
  CHECK(region.sunk("second-") == 30);
  CHECK(region.twice().empty());
}

}  // namespace wayside::test
