// Two looks at the processes of an edge: each count is of the time at which its process told it.
#include "cli/probe.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_floating_point.hpp>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>

#include "cli/top/top.h"
#include "common/metrics/metrics.h"
#include "tests/support/temp_dir.h"

namespace wayside::cli {
namespace {

constexpr std::string_view kStatus =
    R"({"ok":true,"edge":"edge-1","region":"eu","version":"0.3.0","uptime_ms":600000,"vehicles_online":20,)"
    R"("custody_writable":true,"draining":false,"local_broker":{"mode":"off","up":false,"pid":0}})"
    "\n";

// Moved by hand, from the threads of the servers too. The wall clock goes its own way.
class StepClock final : public Clock {
 public:
  [[nodiscard]] WallMs wall() const override { return {wall_.load()}; }
  [[nodiscard]] MonoMs mono() const override { return {mono_.load()}; }
  void advance_ms(std::int64_t ms) { mono_ += ms; }
  void step_wall_ms(std::int64_t ms) { wall_ += ms; }

 private:
  std::atomic<std::int64_t> wall_{1'700'000'000'000};
  std::atomic<std::int64_t> mono_{1'000};
};

// Owns    admin.sock of a run folder and the thread that answers every question with the status.
class AdminSocket {
 public:
  explicit AdminSocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    REQUIRE(path.size() < sizeof at.sun_path);
    std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
    REQUIRE(bind(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(listen(fd_, 4) == 0);
    thread_ = std::thread([this] { answer(); });
  }
  ~AdminSocket() {
    shutdown(fd_, SHUT_RDWR);
    thread_.join();
    close(fd_);
  }
  AdminSocket(const AdminSocket&) = delete;
  AdminSocket& operator=(const AdminSocket&) = delete;

 private:
  void answer() const {
    for (int peer = 0; (peer = accept(fd_, nullptr, nullptr)) >= 0; close(peer)) {
      std::array<char, 256> line{};
      if (recv(peer, line.data(), line.size(), 0) > 0) send(peer, kStatus.data(), kStatus.size(), MSG_NOSIGNAL);
    }
  }
  int fd_;
  std::thread thread_;
};

// A process that counts 1 each millisecond, and needs `slow_ms` for the next scrape: before it counts, or it would have
// told of a time that had not come.
class Process {
 public:
  Process(StepClock& clock, const test::TempDir& dir, const char* ports_file, const char* counter,
          const metrics::Labels& labels)
      : clock_(clock), counter_(registry_->counter(counter, "help", labels)) {
    metrics::Server::Options options;
    options.before_scrape = [this] { scraped(); };
    auto server = metrics::Server::start(*registry_, std::move(options));
    REQUIRE(server.ok());
    server_ = std::move(*server);
    dir.write(ports_file, "{\"metrics\":" + std::to_string(server_->port()) + "}");
  }
  void next_takes(std::int64_t slow_ms) { slow_ms_ = slow_ms; }

 private:
  void scraped() {
    clock_.advance_ms(slow_ms_.exchange(0));
    const std::int64_t now = clock_.mono().value;
    counter_.add(static_cast<double>(now - counted_.exchange(now)));
  }
  StepClock& clock_;
  std::unique_ptr<metrics::Registry> registry_ = metrics::Registry::create();
  metrics::Counter& counter_;
  std::atomic<std::int64_t> slow_ms_{0};
  std::atomic<std::int64_t> counted_{0};
  std::unique_ptr<metrics::Server> server_;
};

}  // namespace

TEST_CASE("rates of broker and bridge are each of their own window, however long the other takes to answer") {
  const test::TempDir dir;
  StepClock clock;
  const AdminSocket admin(dir / "admin.sock");
  Process broker(clock, dir, kBrokerPorts, "wayside_gate_publishes_in_total", {});
  Process bridge(clock, dir, kEdgeBridgePorts, "wayside_link_bytes_total", {{"channel", "bulk"}, {"direction", "up"}});
  auto before = ask_edge(dir.path(), clock);
  REQUIRE(before.ok());
  struct Look {
    std::int64_t broker_ms;
    std::int64_t bridge_ms;
    std::int64_t wall_step_ms;
  };
  for (const Look& look : {Look{0, 0, 100}, Look{0, 900, 1'000}, Look{0, 0, 100}, Look{700, 0, 800}, Look{0, 300, 400},
                           Look{300, 0, -3'600'000}}) {
    INFO("broker " << look.broker_ms << " ms, bridge " << look.bridge_ms << " ms, wall clock " << look.wall_step_ms);
    clock.advance_ms(100);
    clock.step_wall_ms(look.wall_step_ms);
    broker.next_takes(look.broker_ms);
    bridge.next_takes(look.bridge_ms);
    auto after = ask_edge(dir.path(), clock);
    REQUIRE(after.ok());
    const auto top = top_of(*before, *after);
    REQUIRE(top.ok());
    CHECK_THAT(top->publishes_per_s, Catch::Matchers::WithinRel(1'000.0, 1e-9));
    CHECK_THAT(top->link_up_bytes_per_s, Catch::Matchers::WithinRel(1'000.0, 1e-9));
    before = std::move(after);
  }
}

}  // namespace wayside::cli
