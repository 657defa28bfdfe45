// A region of two edges behind one core, all of it in real processes: whom a command reaches by which edge, before and
// after deaths of `bridge core`, and what becomes of telemetry that comes in by both.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "certs/command_keys.h"
#include "common/metrics/samples.h"
#include "fleet/admin.h"
#include "fleet/issuer.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/fleet/region_fixture.h"

namespace wayside::test {
namespace {

constexpr int kPatienceMs = RunningRegion::kPatienceMs;
constexpr int kAnswerMs = 10'000;
constexpr int kListenMs = 20;
constexpr std::int64_t kDeadlineMs = 120'000;

constexpr std::string_view kSucceeded = "SUCCEEDED";

const std::string kFirst = "edge-1";
const std::string kSecond = "edge-2";

// The third vehicle is driven by hand.
void two_cars(fleet::CarsOptions& cars) {
  cars.vehicles.pop_back();
  cars.car.interval_ms = 100;
  cars.car.qos2_every = 3;
}

// Owns    the region: the first car starts at the first edge, the second at the second.
// Thread  one.
class TwoEdges {
 public:
  TwoEdges() : running_(3, two_cars, {kSecond}) {
    REQUIRE(wait_until([&] { return cars().stats().online == 2; }, kPatienceMs));
    // A request for a vehicle that the core has not heard of is refused, and rightly so.
    REQUIRE(wait_until([&] { return shown(first(), kFirst) == 1 && shown(second(), kSecond) == 1; }, kPatienceMs));
  }

  [[nodiscard]] const std::string& first() const { return region().options().vehicles[0]; }
  [[nodiscard]] const std::string& second() const { return region().options().vehicles[1]; }
  [[nodiscard]] const std::string& third() const { return region().options().vehicles[2]; }
  [[nodiscard]] fleet::Region& region() const { return *running_.region; }
  [[nodiscard]] fleet::CarPool& cars() const { return *running_.cars; }

  // A command of the backend, or of the region's service at one edge: "SUCCEEDED by edge-2", or what became of it.
  std::string command(const std::string& vehicle) { return ask(vehicle, sign(vehicle, fleet::kBackend), kSucceeded); }
  std::string command_at_edge(const std::string& vehicle, std::size_t edge, std::string_view state = kSucceeded) {
    return ask_at(fleet::Way::region, region().ports().of_edge(edge).services, fleet::kRegionApp, vehicle,
                  sign(vehicle, fleet::kRegionApp), state);
  }
  // At the core.
  std::string ask(const std::string& vehicle, const fleet::SignedRequest& request, std::string_view state) {
    return ask_at(fleet::Way::core, region().ports().core_services, fleet::kBackend, vehicle, request, state);
  }
  [[nodiscard]] fleet::SignedRequest sign(const std::string& vehicle, const std::string& service) const {
    const auto keys = certs::CommandKeys::open(region().paths().pki);
    REQUIRE(keys.ok());
    const auto key = keys->issuer_key(service);
    const auto grant = keys->grant_of(service);
    REQUIRE((key.ok() && grant.ok()));
    const fleet::RequestSpec spec{vehicle, region().options().names.region, "unlock", "doors", {}, "", kDeadlineMs};
    auto request = fleet::sign_request(*key, *grant, spec, clock_.wall());
    REQUIRE(request.ok());
    return *request;
  }
  [[nodiscard]] double open_commands(std::size_t edge) const {
    const auto scrape = fleet::http_get(region().ports().of_edge(edge).edge_metrics, "/metrics");
    return scrape ? metrics::Samples::parse(scrape->body).sum("wayside_commands_open") : -1;
  }
  [[nodiscard]] std::string commands() { return command(first()) + ", " + command(second()); }

  // Ends `bridge core`, by SIGTERM or SIGKILL, and starts it again.
  void restart_core(bool gently) {
    const auto clean = region().replace("core bridge", WAYSIDE_BIN_DIR, gently);
    if (!clean) FAIL(clean.error().what);
    CHECK(*clean == gently);
  }

  void leave(const std::string& vehicle, std::size_t edge) {
    cars().go_offline(vehicle);
    const std::string& name = region().options().names.of_edge(edge);
    REQUIRE(wait_until([&] { return shown(vehicle, name, "OFFLINE") > 0; }, kPatienceMs));
  }
  // As a car that loses its radio and finds the other address next.
  void move(const std::string& vehicle, std::size_t edge) {
    const std::string& name = region().options().names.of_edge(edge);
    const std::size_t before = shown(vehicle, name);
    cars().go_offline(vehicle);
    cars().redirect(vehicle, running_.at_edge(edge));
    cars().come_back(vehicle);
    REQUIRE(wait_until([&] { return cars().stats_of(vehicle).online == 1; }, kPatienceMs));
    REQUIRE(wait_until([&] { return shown(vehicle, name) > before; }, kPatienceMs));
  }
  [[nodiscard]] std::uint64_t connects(const std::string& vehicle) const {
    return cars().stats_of(vehicle).total.connects;
  }
  [[nodiscard]] std::uint64_t executed(const std::string& vehicle) const {
    return cars().stats_of(vehicle).total.commands;
  }

  // An event of the third vehicle at one edge, acknowledged there.
  void say_event(std::size_t edge, const std::string& mid) {
    const std::string leaf = region().paths().pki + "/vehicles/" + third();
    ClientOptions options;
    options.port = running_.at_edge(edge).port;
    options.ca = region().paths().pki + "/ca/links.crt";
    options.certificate = leaf + ".crt";
    options.key = leaf + ".key";
    MqttClient vehicle(options);
    REQUIRE(vehicle.open());
    REQUIRE(vehicle.connect(third()).has_value());
    const std::string topic = "v1/" + third() + "/event/door";
    mqtt::Publish publish;
    publish.topic = topic;
    publish.payload = as_bytes(mid);
    publish.qos = 1;
    publish.packet_id = 1;
    publish.properties.user.emplace_back("mid", mid);
    REQUIRE(vehicle.send(publish));
    const auto answer = vehicle.expect<mqtt::Ack>();
    REQUIRE(answer.has_value());
    CHECK(answer->get<mqtt::Ack>()->reason == 0);
  }
  // How often the file sink has it.
  [[nodiscard]] std::size_t events(const std::string& mid) const {
    return lines_with({R"("topic":"v1/)" + third() + R"(/event/door")", R"("mid":")" + mid + '"'});
  }

  // Nobody says anything any more, and all of it is in the file sink.
  void settle() {
    cars().finish();
    running_.drain();
  }
  // The account of one edge's volume: its own, the core's, and what the sink holds of it.
  fleet::LedgerCheck ledger(std::size_t edge, const fleet::VerifyReport& sink) const {
    const auto& name = region().options().names.of_edge(edge);
    const auto& paths = region().paths();
    const auto ran = run({std::string(WAYSIDE_BIN_DIR) + "/wayside", "ledger", paths.edge_state(edge), "--core",
                          paths.core_run(), "--edge", name});
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    CHECK(ran.output.find("edge and core are equal") != std::string::npos);
    const auto volume = cli::read_volume(paths.edge_state(edge) + "/spool");
    const auto metrics = fleet::http_get(region().ports().core_bridge_metrics, "/metrics");
    REQUIRE((volume.ok() && metrics.ok()));
    const auto core = fleet::core_ledger(metrics->body, name, volume->uuid);
    return fleet::check_ledgers(*volume, core, sink.ids_by_lane, cars().stats().total.resent + 1);
  }
  [[nodiscard]] fleet::VerifyReport verify() const {
    const auto report = fleet::verify(region().paths().journals(), region().paths().sink());
    REQUIRE(report.ok());
    return *report;
  }
  [[nodiscard]] std::uint64_t acked() const { return cars().stats().total.acked; }

 private:
  // How often the file sink has it ONLINE, or OFFLINE, there. What the sink has, the core log had before.
  [[nodiscard]] std::size_t shown(const std::string& vehicle, const std::string& edge,
                                  const std::string& state = "ONLINE") const {
    return lines_with(
        {R"("topic":"v1/)" + vehicle + R"(/presence")", R"("state":")" + state + '"', R"("edge":")" + edge + '"'});
  }
  [[nodiscard]] std::size_t lines_with(const std::vector<std::string>& words) const {
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(region().paths().sink())) {
      std::ifstream lines(file.path());
      for (std::string line; std::getline(lines, line);) {
        count += std::ranges::all_of(words, [&](const auto& word) { return line.find(word) != std::string::npos; });
      }
    }
    return count;
  }

  // Until the command is in `state`, or has ended otherwise.
  std::string ask_at(fleet::Way way, int port, const std::string& service, const std::string& vehicle,
                     const fleet::SignedRequest& request, std::string_view state) {
    const std::string leaf = region().paths().pki + "/services/" + service;
    auto issuer = fleet::Issuer::connect(
        {way, {"127.0.0.1", port}, {region().paths().pki + "/ca/links.crt", leaf + ".crt", leaf + ".key"}, service},
        clock_);
    if (!issuer) return issuer.error().what;
    if (auto followed = (*issuer)->follow(vehicle, kAnswerMs); !followed) return followed.error().what;
    const auto answer = (*issuer)->request(vehicle, request, kAnswerMs);
    if (!answer) return answer.error().what;
    if (answer->outcome == "REFUSED") return answer->reason;
    return outcome(**issuer, request, state);
  }
  [[nodiscard]] std::string outcome(fleet::Issuer& issuer, const fleet::SignedRequest& request,
                                    std::string_view state) const {
    const MonoMs until = clock_.mono() + kAnswerMs;
    while (clock_.mono() < until) {
      for (const auto& status : issuer.statuses()) {
        const auto now = schemas::to_string(status.state);
        if (status.command_id != request.id || (now != state && !schemas::terminal(status.state))) continue;
        return std::string(now) + " by " + status.edge;
      }
      if (auto listened = issuer.listen(kListenMs); !listened) return listened.error().what;
    }
    return "no status " + std::string(state) + " in time";
  }

  os::SystemClock clock_;
  RunningRegion running_;
};

}  // namespace

TEST_CASE("two edges of a region: commands find each vehicle at its edge, whatever becomes of bridge core") {
  TwoEdges two;
  const std::string each_at_its_edge = "SUCCEEDED by edge-1, SUCCEEDED by edge-2";
  CHECK(two.commands() == each_at_its_edge);
  for (const bool gently : {false, true, false, true}) {
    INFO((gently ? "after a gentle stop" : "after kill -9") << " of bridge core");
    two.restart_core(gently);
    CHECK(two.commands() == each_at_its_edge);
  }
  CHECK(two.connects(two.first()) == 1);
  CHECK(two.connects(two.second()) == 1);

  // What an edge has accepted stays with it; the same bytes, asked again, go to where the vehicle is now.
  two.leave(two.first(), 1);
  const auto waits = two.sign(two.first(), fleet::kBackend);
  const auto asked_once = two.sign(two.first(), fleet::kBackend);
  CHECK(two.ask(two.first(), waits, "QUEUED") == "QUEUED by edge-1");
  CHECK(two.ask(two.first(), asked_once, "QUEUED") == "QUEUED by edge-1");
  two.move(two.first(), 2);
  CHECK(two.command(two.first()) == "SUCCEEDED by edge-2");
  CHECK(two.command_at_edge(two.first(), 2) == "SUCCEEDED by edge-2");
  CHECK(two.ask(two.first(), waits, kSucceeded) == "SUCCEEDED by edge-2");
  two.restart_core(false);
  CHECK(two.commands() == "SUCCEEDED by edge-2, SUCCEEDED by edge-2");
  CHECK(two.connects(two.first()) == 2);
  CHECK(two.connects(two.second()) == 1);
  CHECK(two.executed(two.first()) == 9);
  CHECK(two.executed(two.second()) == 6);
  CHECK(two.open_commands(1) == 2);

  // Back at the first edge it is given both: it executes the one that it has not executed.
  two.move(two.first(), 1);
  CHECK(wait_until([&] { return two.open_commands(1) == 0; }, kPatienceMs));
  CHECK(two.executed(two.first()) == 10);
  CHECK(two.command(two.first()) == "SUCCEEDED by edge-1");
  // Edges do not know of each other: asked at the one, it does not come to the other.
  CHECK(two.command_at_edge(two.first(), 2, "QUEUED") == "QUEUED by edge-2");
  CHECK(two.executed(two.first()) == 11);
}

TEST_CASE(
    "two edges of a region: what comes in by both is in the file sink once, and each edge's ledger is the core's") {
  TwoEdges two;
  const auto drive_on = [&] {
    const std::uint64_t enough = two.acked() + 20;
    REQUIRE(wait_until([&] { return two.acked() > enough; }, kPatienceMs));
  };
  drive_on();
  two.say_event(1, "m1");
  REQUIRE(wait_until([&] { return two.events("m1") == 1; }, kPatienceMs));
  two.restart_core(false);
  two.move(two.first(), 2);
  // No PUBACK reached it, so it says so again, where it is now.
  two.say_event(2, "m1");
  two.say_event(2, "m2");
  drive_on();
  two.restart_core(true);
  two.move(two.second(), 1);
  drive_on();
  two.settle();

  const auto report = two.verify();
  for (const auto& example : report.examples) UNSCOPED_INFO(example);
  CHECK(report.ok());
  CHECK(report.acked == two.acked());
  CHECK(report.arrived == report.acked);
  CHECK(report.values_resent == 0);
  CHECK(two.events("m1") == 1);
  CHECK(two.events("m2") == 1);
  for (const std::size_t edge : {std::size_t{1}, std::size_t{2}}) {
    INFO("edge " << edge);
    const auto check = two.ledger(edge, report);
    for (const auto& difference : check.differences) UNSCOPED_INFO(difference);
    CHECK(check.equal);
    CHECK(check.residual == 0);
    CHECK(check.pending == 0);
    CHECK(check.lost == 0);
    const auto& events = check.lanes.at(index_of(Lane::event)).edge;
    CHECK(events.resent == (edge == 2 ? 1 : 0));
    CHECK(check.lanes.at(index_of(Lane::state)).in_sink > 0);
  }
}

}  // namespace wayside::test
