// The link over a real Mosquitto with TLS and ACLs, between real wayside-bridge processes.
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "common/metrics/samples.h"
#include "common/rng.h"
#include "fleet/admin.h"
#include "fleet/region.h"
#include "tests/integration/bridge_fixture.h"

namespace wayside::test {
namespace {

constexpr int kDrainMs = 60'000;

void publish_some(BridgeFixture& world, std::uint64_t& sequence, unsigned count) {
  for (unsigned n = 0; n < count; ++n, ++sequence) {
    const std::vector<schemas::SignalValue> signals = {
        {"Vehicle.Speed", world.clock().wall(), static_cast<double>(sequence) / 7.0},
        {"Vehicle.Cabin.IsOpen", world.clock().wall(), sequence % 2 == 0}};
    const Bytes payload = schemas::build_signal_batch(sequence + 1, "vss-6.0", signals);
    world.append(Lane::state, "v1/V1/state", payload, true);
    const std::string text = "event number " + std::to_string(sequence);
    world.append(Lane::event, "v1/V1/event/door", as_bytes(text));
    world.append(Lane::ack, "v1/V1/status/aaaaaaaaaaaaaaaaaaaaaaaaaa", as_bytes(text));
    world.append(Lane::bulk, "v1/V1/bulk/log", as_bytes(text));
  }
  for (const Lane lane : kAllLanes) world.commit(lane);
}

bool drained(BridgeFixture& world) {
  return wait_until([&] { return world.all_settled() && world.missing_or_twice().empty(); }, kDrainMs);
}

void check_all_there(BridgeFixture& world) {
  const bool done = drained(world);
  INFO(world.logs());
  INFO(world.missing_or_twice());
  REQUIRE(done);
  for (const Lane lane : kAllLanes) {
    const spool::Standing standing = world.settled(lane);
    CHECK(standing.totals.delivered == world.head(lane).value);
    CHECK(standing.totals.lost == 0);
  }
}

unsigned lines_with(const std::string& text, const std::string& word) {
  unsigned count = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; ++at) ++count;
  return count;
}

void configure(const BridgeFixture& world, const std::string& file, const std::string& what, const std::string& with) {
  std::string text = slurp(world.dir() / file);
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  world.dir().write(file, text.replace(at, what.size(), with));
}

// Of the bridge with this ports file, summed over the series that carry all of `with`; 0: it does not answer yet.
double metric(const BridgeFixture& world, const std::string& ports_file, const std::string& name,
              const metrics::SampleLabels& with) {
  const auto told = os::read_file(world.dir() / ("run/" + ports_file), 4096);
  if (!told) return 0;
  const auto reply = fleet::http_get(static_cast<int>(fleet::json_integer(*told, "metrics")), "/metrics");
  return reply ? metrics::Samples::parse(reply->body).sum(name, with) : 0;
}

bool ready(const BridgeFixture& world, const std::string& ports_file) {
  const auto told = os::read_file(world.dir() / ("run/" + ports_file), 4096);
  if (!told) return false;
  const auto reply = fleet::http_get(static_cast<int>(fleet::json_integer(*told, "metrics")), "/readyz");
  return reply && reply->status == 200;
}

double failures(const BridgeFixture& world, const std::string& ports_file, const std::string& cause) {
  return metric(world, ports_file, "wayside_link_connect_failures_total", {{"cause", cause}});
}

}  // namespace

TEST_CASE("a link to a broker where nothing answers says so once, counts on, and says when it is made at last") {
  BridgeFixture world;
  world.open_spool();
  world.start_edge();
  world.start_core();
  const bool counted = wait_until(
      [&] {
        return failures(world, "bridge-edge.json", "connect") >= 6 &&
               failures(world, "bridge-core.json", "connect") >= 6;
      },
      30'000);
  INFO(world.logs());
  CHECK(counted);
  CHECK(metric(world, "bridge-edge.json", "wayside_link_failing", {{"cause", "connect"}}) == 1);
  CHECK(metric(world, "bridge-edge.json", "wayside_link_failing", {}) == 1);
  const std::string broker = "broker=localhost:" + std::to_string(world.link_port());
  for (const char* name : {"bridge-edge.log", "bridge-core.log"}) {
    const std::string log = slurp(world.dir() / name);
    CHECK(lines_with(log, "link_cannot_connect " + broker) == 1);
    CHECK(log.find("refused or unreachable") != std::string::npos);
    CHECK(log.find("since=20") != std::string::npos);
  }
  CHECK(lines_with(slurp(world.dir() / "bridge-core.log"), "sink_cannot_connect " + broker) == 1);

  world.start_mosquitto();
  const bool up = wait_until([&] { return lines_with(world.logs(), "link_up") == 2; }, 30'000);
  INFO(world.logs());
  CHECK(up);
  CHECK(lines_with(world.logs(), "link_cannot_connect") == 2);
  CHECK(lines_with(world.logs(), "after_ms=") >= 2);
  CHECK(wait_until([&] { return metric(world, "bridge-edge.json", "wayside_link_failing", {}) == 0; }, 10'000));
  CHECK(wait_until([&] { return lines_with(world.logs(), "sink_connected") == 1; }, 10'000));
}

TEST_CASE("a link to a broker whose name does not resolve says what the resolver says") {
  BridgeFixture world;
  world.open_spool();
  const std::string address = "localhost:" + std::to_string(world.link_port());
  configure(world, "edge.toml", address, "core.invalid:8883");
  configure(world, "core.toml", address, "core.invalid:8883");
  world.start_edge();
  world.start_core();
  const bool counted = wait_until(
      [&] {
        return failures(world, "bridge-edge.json", "name") >= 2 && failures(world, "bridge-core.json", "name") >= 2;
      },
      60'000);
  INFO(world.logs());
  CHECK(counted);
  for (const char* name : {"bridge-edge.log", "bridge-core.log"}) {
    const std::string log = slurp(world.dir() / name);
    CHECK(lines_with(log, "link_cannot_connect broker=core.invalid:8883") == 1);
    CHECK(log.find("the name does not resolve: ") != std::string::npos);
  }
}

TEST_CASE("a link to a broker whose certificate does not verify says that TLS failed") {
  BridgeFixture world;
  world.open_spool();
  configure(world, "edge.toml", world.dir() / "pki/ca/links.crt", world.dir() / "pki/ca/services.crt");
  world.start_mosquitto();
  world.start_edge();
  const bool counted = wait_until([&] { return failures(world, "bridge-edge.json", "tls") >= 2; }, 30'000);
  INFO(world.logs());
  CHECK(counted);
  CHECK(lines_with(slurp(world.dir() / "bridge-edge.log"), "the TLS handshake broke off") == 1);
}

TEST_CASE("a link that flaps says its loss with a cause at once, counts the others, and says when it stands again") {
  BridgeFixture world;
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  const auto linked = [&](bool up) {
    return wait_until([&] { return metric(world, "bridge-edge.json", "wayside_link_up", {}) == (up ? 1 : 0); },
                      30'000) &&
           wait_until([&] { return ready(world, "bridge-core.json") == up; }, 30'000);
  };
  REQUIRE(wait_until([&] { return lines_with(world.logs(), "link_up") == 2; }, 30'000));
  constexpr unsigned kFlaps = 3;
  for (unsigned n = 0; n < kFlaps; ++n) {
    world.mosquitto().kill_now();
    INFO(world.logs());
    REQUIRE(linked(false));
    world.start_mosquitto();
    REQUIRE(linked(true));
  }
  CHECK(metric(world, "bridge-edge.json", "wayside_link_sessions_total", {}) >= kFlaps + 1);
  for (const char* name : {"bridge-edge.log", "bridge-core.log"}) {
    // The first, the one after the loss that was said, and that it stands.
    const bool stands = wait_until([&] { return lines_with(slurp(world.dir() / name), "link_up") == 3; }, 30'000);
    const std::string log = slurp(world.dir() / name);
    INFO(log);
    CHECK(stands);
    CHECK(lines_with(log, "link_down") == 1);
    CHECK(log.find("link_down broker=localhost:") != std::string::npos);
    CHECK(log.find("it broke off") != std::string::npos);
    CHECK(lines_with(log, "link_cannot_connect") <= 2);
    CHECK(lines_with(log, "link_up") == 3);
    const std::size_t losses = log.rfind("losses=");
    REQUIRE(losses != std::string::npos);
    CHECK(std::stoul(log.substr(losses + 7)) >= kFlaps - 1);  // an end may drop the link by itself besides
  }
}

TEST_CASE("a sink that faults again and again says so once, counts on, and goes on by itself") {
  BridgeFixture world;
  world.open_spool();
  world.start_mosquitto();
  world.dir().write("sink", "no folder");
  world.start_core();
  world.start_edge();
  std::uint64_t sequence = 0;
  publish_some(world, sequence, 1);
  const auto faults = [&] {
    return metric(world, "bridge-core.json", "wayside_sink_events_total", {{"sink", "file-0"}, {"what", "faults"}});
  };
  const bool faulted = wait_until([&] { return faults() >= 4; }, 30'000);
  INFO(world.logs());
  CHECK(faulted);
  CHECK(lines_with(slurp(world.dir() / "bridge-core.log"), "sink_fault sink=file") == 1);
  std::filesystem::remove(world.dir() / "sink");
  check_all_there(world);
}

TEST_CASE("a scrape of the edge's bridge has every count of its moment, however soon after the last it comes") {
  BridgeFixture world;
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  unsigned older = 0;
  for (std::uint64_t n = 1; n <= 20; ++n) {
    world.append(Lane::event, "v1/V1/event/door", as_bytes("open"));
    world.commit(Lane::event);
    const bool settled = wait_until([&] { return world.all_settled(); }, 30'000);
    INFO(world.logs());
    REQUIRE(settled);
    const double delivered =
        metric(world, "bridge-edge.json", "wayside_ledger_records_total", {{"outcome", "delivered"}});
    older += delivered == static_cast<double>(n) ? 0 : 1;
  }
  CHECK(older <= 2);  // a machine that is held up for longer than a scrape waits is shown as it was
}

TEST_CASE("what is committed to the spool reaches the file sink once, whoever starts first") {
  BridgeFixture world;
  world.start_edge();  // before its volume and before its core
  CHECK(wait_until([&] { return world.logs().find("waiting_for_spool") != std::string::npos; }, 5'000));
  world.open_spool();
  std::uint64_t sequence = 0;
  publish_some(world, sequence, 50);
  world.start_core();
  world.start_mosquitto();
  check_all_there(world);

  const auto sunk = world.sunk();
  const std::string& event = sunk.line.at(wayside_id(world.uuid(), Lane::event, {7}));
  CHECK(event.find("\"text\":\"event number 7\"") != std::string::npos);
  CHECK(event.find("\"topic\":\"v1/V1/event/door\"") != std::string::npos);
  const std::string& state = sunk.line.at(wayside_id(world.uuid(), Lane::state, {1}));
  CHECK(state.find("\"path\":\"Vehicle.Speed\"") != std::string::npos);
  CHECK(state.find("\"v\":0.14285714285714285") != std::string::npos);
  CHECK(world.edge().stop() == 0);
  CHECK(world.core().stop() == 0);
}

TEST_CASE("kill -9 of either bridge end and of the core broker loses nothing and repeats nothing in the file sink") {
  BridgeFixture world;
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  const char* given = std::getenv("WAYSIDE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : os::random_seed();
  INFO("WAYSIDE_SEED=" << seed);
  SeededRng rng(seed);
  std::uint64_t sequence = 0;
  publish_some(world, sequence, 20);
  for (unsigned kill = 0; kill < 6; ++kill) {
    const auto burst = static_cast<unsigned>(4 + rng.below(12));
    for (unsigned n = 0; n < burst; ++n) {
      publish_some(world, sequence, 10);
      std::this_thread::sleep_for(std::chrono::milliseconds(rng.below(60)));
    }
    switch (kill % 3) {
      case 0:
        world.core().kill_now();
        world.start_core();
        break;
      case 1:
        world.edge().kill_now();
        world.start_edge();
        break;
      default:
        world.mosquitto().kill_now();
        world.start_mosquitto();
        break;
    }
  }
  check_all_there(world);
}

TEST_CASE("the mqtt sink publishes every record on its topic with its wayside-id") {
  BridgeFixture world;
  world.open_spool();
  world.start_mosquitto();
  REQUIRE(
      wait_until([&] { return slurp(world.dir() / "mosquitto.log").find(" running") != std::string::npos; }, 10'000));
  const std::string heard = world.dir() / "heard";
  Process backend(world.as_backend("mosquitto_sub", {"-i", "watcher", "-q", "1", "-t", "v1/#", "-F", "%t %P"}),
                  Process::Options{.output = heard});
  REQUIRE(wait_until([&] { return world.logs().find("Sending SUBACK to watcher") != std::string::npos; }, 10'000));
  world.start_core();
  world.start_edge();
  std::uint64_t sequence = 0;
  publish_some(world, sequence, 8);
  check_all_there(world);
  const auto all_heard = [&] {
    const std::string text = slurp(heard);
    for (const Lane lane : {Lane::ack, Lane::event, Lane::state, Lane::bulk}) {
      for (std::uint64_t at = 0; at < 8; ++at) {
        if (text.find(wayside_id(world.uuid(), lane, {at})) == std::string::npos) return false;
      }
    }
    return text.find("v1/V1/event/door wayside-id:") != std::string::npos;
  };
  const bool done = wait_until(all_heard, 20'000);
  INFO(slurp(heard));
  CHECK(done);
}

TEST_CASE("what the core broker refuses of the mqtt sink is published once it no longer does") {
  BridgeFixture world;
  world.open_spool();
  world.dir().write("links.acl",
                    "user edge-1\ntopic write wayside/edge-1/up/#\ntopic read wayside/edge-1/down/#\n"
                    "user core-1\ntopic readwrite wayside/#\ntopic read v1/#\ntopic write v1/+/event/#\n");
  world.start_mosquitto();
  REQUIRE(
      wait_until([&] { return slurp(world.dir() / "mosquitto.log").find(" running") != std::string::npos; }, 10'000));
  const std::string heard = world.dir() / "heard";
  Process backend(world.as_backend("mosquitto_sub", {"-i", "watcher", "-q", "1", "-t", "v1/#", "-F", "%t %P"}),
                  Process::Options{.output = heard});
  REQUIRE(wait_until([&] { return world.logs().find("Sending SUBACK to watcher") != std::string::npos; }, 10'000));
  world.start_core();
  world.start_edge();
  std::uint64_t sequence = 0;
  publish_some(world, sequence, 3);
  check_all_there(world);
  CHECK(wait_until([&] { return world.logs().find("sink_fault") != std::string::npos; }, 10'000));
  world.dir().write("links.acl",
                    "user edge-1\ntopic write wayside/edge-1/up/#\ntopic read wayside/edge-1/down/#\n"
                    "user core-1\ntopic readwrite #\n");
  REQUIRE(::kill(world.mosquitto().pid(), SIGHUP) == 0);
  const auto all_heard = [&] {
    const std::string text = slurp(heard);
    for (const Lane lane : {Lane::ack, Lane::event, Lane::state, Lane::bulk}) {
      for (std::uint64_t at = 0; at < 3; ++at) {
        if (text.find(wayside_id(world.uuid(), lane, {at})) == std::string::npos) return false;
      }
    }
    return true;
  };
  const bool done = wait_until(all_heard, 20'000);
  INFO(slurp(heard));
  CHECK(done);
}

TEST_CASE("an edge whose link certificate is not of this core's ACL delivers nothing and disturbs nobody") {
  BridgeFixture world;
  world.open_spool();
  world.start_mosquitto();
  world.start_core();
  world.start_edge();
  std::uint64_t sequence = 0;
  publish_some(world, sequence, 5);
  check_all_there(world);
  // edge-2 has a certificate of the right CA; the ACL gives it no topic of edge-1.
  const Ran ran = run({"mosquitto_pub", "-h", "localhost", "-p", std::to_string(world.link_port()), "-V", "5",
                       "--cafile", world.dir() / "pki/ca/links.crt", "--cert", world.dir() / "pki/edge/edge-2/link.crt",
                       "--key", world.dir() / "pki/edge/edge-2/link.key", "-q", "1", "-t",
                       "wayside/edge-1/up/urgent/hello", "-m", "forged"});
  INFO(ran.output);
  publish_some(world, sequence, 5);
  check_all_there(world);
}

}  // namespace wayside::test
