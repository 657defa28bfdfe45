// A running region with two cars that behave and a vehicle that does not: what the attack cost it, and that it cost
// the others nothing.
#pragma once

#include <algorithm>
#include <atomic>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "certs/command_keys.h"
#include "common/metrics/samples.h"
#include "fleet/admin.h"
#include "fleet/issuer.h"
#include "fleet/relay.h"
#include "tests/broker/support/mqtt_client.h"
#include "tests/fleet/region_fixture.h"
#include "tests/support/process.h"

namespace wayside::test {

// Owns    the region, an issuer at its edge, the latency that commands have while nobody attacks.
// Thread  one.
class HostileRegion {
 public:
  // `balancer_says` not empty: the cars come in by a balancer that says it at the begin of each connection.
  explicit HostileRegion(const Bytes& balancer_says = {})
      : running_(3, [&](fleet::CarsOptions& options) {
          options.vehicles.pop_back();  // the last has a certificate and no car
          options.car.interval_ms = 100;
          if (balancer_says.empty()) return;
          auto balancer = fleet::Relay::start(options.to.port, 0, balancer_says);
          REQUIRE(balancer.ok());
          balancer_ = std::move(*balancer);
          options.to.port = balancer_->port();
        }) {
    REQUIRE(wait_until([this] { return running_.cars->stats().online == 2; }, RunningRegion::kPatienceMs));
    connect_issuer();
    REQUIRE(command_ms().ok());  // the first one opens what later ones find open
    const auto quiet = median_command_ms();
    REQUIRE(quiet.ok());
    quiet_ms_ = *quiet;
  }

  [[nodiscard]] const std::string& good() const { return running_.region->options().vehicles.front(); }
  [[nodiscard]] const std::string& rogue() const { return running_.region->options().vehicles.back(); }
  [[nodiscard]] std::string own(const std::string& rest) const { return "v1/" + rogue() + "/" + rest; }
  [[nodiscard]] const fleet::RegionPorts& ports() const { return running_.region->ports(); }
  [[nodiscard]] std::string pki(const std::string& relative) const {
    return running_.region->paths().pki + "/" + relative;
  }

  // `leaf`: "vehicles/<VIN>" or "services/<name>"; `port` of any listener.
  [[nodiscard]] ClientOptions client(const std::string& leaf, int port, mqtt::Version version) const {
    ClientOptions options;
    options.port = port;
    options.ca = pki("ca/links.crt");
    options.certificate = pki(leaf + ".crt");
    options.key = pki(leaf + ".key");
    options.version = version;
    return options;
  }
  [[nodiscard]] ClientOptions rogue_client(mqtt::Version version = mqtt::Version::v5) const {
    return client("vehicles/" + rogue(), ports().vehicles, version);
  }

  // Sum of the edge's samples of `name` that carry all of `with`.
  [[nodiscard]] double counter(const std::string& name, const metrics::SampleLabels& with) const {
    const auto reply = fleet::http_get(ports().edge_metrics, "/metrics");
    REQUIRE(reply.ok());
    return metrics::Samples::parse(reply->body).sum(name, with);
  }
  [[nodiscard]] double refusals(const std::string& stage, const std::string& reason) const {
    return counter("wayside_gate_refusals_total", {{"stage", stage}, {"reason", reason}});
  }
  // Resident memory of wayside-broker.
  [[nodiscard]] std::uint64_t resident_kib() const {
    std::ifstream status("/proc/" + std::to_string(broker_pid()) + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmRSS:")) return std::stoull(line.substr(6));
    }
    FAIL("no VmRSS");
    return 0;
  }

  [[nodiscard]] fleet::SignedRequest request_to(const std::string& vehicle, std::int64_t deadline_ms = 30'000,
                                                const std::string& region = "demo") const {
    auto request = sign(vehicle, deadline_ms, region);
    REQUIRE(request.ok());
    return std::move(*request);
  }
  fleet::Issuer& issuer() { return *issuer_; }

  // Commands of the good car, on a thread of their own, while `attack` runs over and over, once at least.
  void commands_stay_fast_during(const std::function<void()>& attack) {
    std::atomic<bool> over{false};
    Result<std::int64_t> busy_ms = Error{Fault::internal, "not measured"};
    std::thread driver([&] {
      busy_ms = median_command_ms();
      over.store(true);
    });
    const Joined joined{driver};
    do attack();
    while (!over.load());
    joined.now();
    if (!busy_ms.ok()) FAIL(busy_ms.error().what);
    INFO("quiet " << quiet_ms_ << " ms, during the attack " << *busy_ms << " ms");
    CHECK(*busy_ms <= std::max<std::int64_t>(10 * quiet_ms_, 500));
  }
  // What the good cars had acknowledged is in the sink, once.
  void nothing_is_lost() {
    CHECK(running_.cars->stats().online == 2);
    CHECK(running_.cars->stats().total.connects == 2);  // never cut off
    // A short attack may be over before the cars have said anything.
    REQUIRE(test::wait_until([this] { return running_.cars->stats().total.acked > 0; }, 10'000));
    running_.cars->finish();
    running_.drain();
    const auto report = fleet::verify(running_.region->paths().journals(), running_.region->paths().sink());
    REQUIRE(report.ok());
    INFO((report->examples.empty() ? std::string() : report->examples.front()));
    CHECK(report->ok());
    CHECK(report->acked > 0);
  }

 private:
  struct Joined {  // also when an assertion of the attack leaves
    std::thread& thread;
    void now() const {
      if (thread.joinable()) thread.join();
    }
    ~Joined() { now(); }
  };

  // No assertions in these: they run beside the attack's.
  [[nodiscard]] Result<fleet::SignedRequest> sign(const std::string& vehicle, std::int64_t deadline_ms,
                                                  const std::string& region) const {
    const auto keys = certs::CommandKeys::open(pki(""));
    if (!keys) return keys.error();
    const auto key = keys->issuer_key(fleet::kRegionApp);
    if (!key) return key.error();
    const auto grant = keys->grant_of(fleet::kRegionApp);
    if (!grant) return grant.error();
    return fleet::sign_request(*key, *grant,
                               {.vehicle = vehicle,
                                .region = region,
                                .group = "climate",
                                .name = "start",
                                .arguments = {},
                                .supersede_key = {},
                                .deadline_ms = deadline_ms},
                               clock_.wall());
  }
  // From the request to the word of the car that it did it.
  Result<std::int64_t> command_ms() {
    const auto request = sign(good(), 30'000, "demo");
    if (!request) return request.error();
    const MonoMs before = clock_.mono();
    const auto answer = issuer_->request(good(), *request, 20'000);
    if (!answer) return answer.error();
    if (answer->outcome != "ACCEPTED") return Error{Fault::internal, answer->outcome + " " + answer->reason};
    const auto ended = issuer_->wait_final(*request, 20'000);
    if (!ended) return ended.error();
    const std::string state(schemas::to_string(ended->state));
    if (state != "SUCCEEDED") return Error{Fault::internal, state + " " + ended->reason};
    return clock_.mono() - before;
  }
  Result<std::int64_t> median_command_ms() {
    std::vector<std::int64_t> all;
    for (int i = 0; i < 7; ++i) {
      const auto one = command_ms();
      if (!one) return one.error();
      all.push_back(*one);
    }
    std::nth_element(all.begin(), all.begin() + 3, all.end());
    return all[3];
  }

  void connect_issuer() {
    const std::string leaf = pki(std::string("services/") + fleet::kRegionApp);
    auto issuer = fleet::Issuer::connect({fleet::Way::region,
                                          {"127.0.0.1", ports().services},
                                          {pki("ca/links.crt"), leaf + ".crt", leaf + ".key"},
                                          fleet::kRegionApp},
                                         clock_);
    REQUIRE(issuer.ok());
    issuer_ = std::move(*issuer);
    REQUIRE(issuer_->follow(good(), 5'000).ok());
    REQUIRE(issuer_->follow(rogue(), 5'000).ok());
  }
  [[nodiscard]] std::int64_t broker_pid() const {
    const auto text = os::read_file(running_.region->paths().edge_run() + "/ports.json", 4096);
    REQUIRE(text.ok());
    return fleet::json_integer(*text, "pid");
  }

  os::SystemClock clock_;
  std::unique_ptr<fleet::Relay> balancer_;
  RunningRegion running_;
  std::unique_ptr<fleet::Issuer> issuer_;
  std::int64_t quiet_ms_ = 0;
};

}  // namespace wayside::test
