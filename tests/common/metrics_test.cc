#include "common/metrics/metrics.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <thread>

namespace wayside::metrics {
namespace {

// The whole answer to one GET; empty when nobody listens.
std::string get(int port, const std::string& path) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string answer;
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    const std::string request = "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    CHECK(::send(descriptor, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
    char buffer[4096];
    for (ssize_t n = 0; (n = ::recv(descriptor, buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(n));
    }
  }
  ::close(descriptor);
  return answer;
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("metrics: the same name and labels give the same handle, in whatever order the labels come") {
  const auto registry = Registry::create();
  Counter& a = registry->counter("wayside_refused_total", "Refusals.", {{"reason", "BUDGET"}, {"lane", "bulk"}});
  Counter& b = registry->counter("wayside_refused_total", "Refusals.", {{"lane", "bulk"}, {"reason", "BUDGET"}});
  Counter& c = registry->counter("wayside_refused_total", "Refusals.", {{"lane", "state"}, {"reason", "BUDGET"}});
  CHECK(&a == &b);
  CHECK(&a != &c);
  a.add();
  b.add(2);
  CHECK(a.value() == 3);
  CHECK(c.value() == 0);
}

TEST_CASE("metrics: a counter that shows another's total rises to it and never falls") {
  const auto registry = Registry::create();
  Counter& counter = registry->counter("wayside_shown_total", "help");
  for (const std::uint64_t total : {5U, 7U, 6U, 7U}) counter.raise_to(total);
  CHECK(counter.value() == 7);
}

TEST_CASE("metrics: the text holds every family with help, type and values") {
  const auto registry = Registry::create();
  registry->counter("wayside_refused_total", "Refusals.", {{"reason", "BUDGET"}}).add(3);
  registry->gauge("wayside_lane_bytes", "Bytes of a lane.", {{"lane", "bulk"}}).set(1.5);
  registry->histogram("wayside_commit_seconds", "Commits.", {0.001, 0.01}).observe(0.005);
  const std::string text = registry->text();
  CHECK(has(text, "# HELP wayside_refused_total Refusals.\n"));
  CHECK(has(text, "# TYPE wayside_refused_total counter\n"));
  CHECK(has(text, "wayside_refused_total{reason=\"BUDGET\"} 3\n"));
  CHECK(has(text, "wayside_lane_bytes{lane=\"bulk\"} 1.5\n"));
  CHECK(has(text, "wayside_commit_seconds_bucket{le=\"0.001\"} 0\n"));
  CHECK(has(text, "wayside_commit_seconds_bucket{le=\"0.01\"} 1\n"));
  CHECK(has(text, "wayside_commit_seconds_count 1\n"));
}

TEST_CASE("metrics: threads that count, make series and scrape do not lose a count") {
  const auto registry = Registry::create();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&registry, t] {
      for (int i = 0; i < 500; ++i) {
        registry->counter("wayside_turns_total", "Turns.", {{"thread", std::to_string(t % 2)}}).add();
      }
    });
  }
  for (int i = 0; i < 20; ++i) CHECK(registry->text().size() < 1000);
  for (auto& thread : threads) thread.join();
  CHECK(registry->counter("wayside_turns_total", "Turns.", {{"thread", "0"}}).value() == 1000);
  CHECK(registry->counter("wayside_turns_total", "Turns.", {{"thread", "1"}}).value() == 1000);
}

TEST_CASE("metrics: a label value cannot break out of its quotes or its line") {
  const auto registry = Registry::create();
  registry->counter("wayside_x_total", "X.", {{"k", "a\"} 1\nb\\"}}).add();
  CHECK(has(registry->text(), R"(wayside_x_total{k="a\"} 1\nb\\"} 1)"));
}

TEST_CASE("metrics: the server answers metrics, health and readiness, and only those") {
  const auto registry = Registry::create();
  Gauge& gauge = registry->gauge("wayside_scrapes", "Scrapes.");
  Health ready;
  Server::Options options;
  options.ready = [&] { return ready; };
  options.before_scrape = [&] { gauge.set(gauge.value() + 1); };
  const auto server = Server::start(*registry, options);
  REQUIRE(server.ok());
  const int port = (*server)->port();
  CHECK(has(get(port, "/metrics"), "wayside_scrapes 1\n"));
  CHECK(has(get(port, "/metrics"), "wayside_scrapes 2\n"));
  CHECK(get(port, "/healthz").starts_with("HTTP/1.1 200"));
  CHECK(get(port, "/readyz").starts_with("HTTP/1.1 200"));
  ready = {false, "custody is read-only"};
  const std::string answer = get(port, "/readyz");
  CHECK(answer.starts_with("HTTP/1.1 503"));
  CHECK(has(answer, "not ok: custody is read-only\n"));
  CHECK(get(port, "/healthz").starts_with("HTTP/1.1 200"));
  CHECK(get(port, "/").starts_with("HTTP/1.1 404"));
}

TEST_CASE("metrics: a port that is taken is a fault, and is free again once the server is gone") {
  const auto registry = Registry::create();
  int port = 0;
  {
    const auto first = Server::start(*registry, {});
    REQUIRE(first.ok());
    port = (*first)->port();
    Server::Options same;
    same.port = port;
    const auto second = Server::start(*registry, same);
    REQUIRE_FALSE(second.ok());
    CHECK(second.error().fault == Fault::unreachable);
  }
  CHECK(get(port, "/healthz").empty());
  Server::Options again;
  again.port = port;
  CHECK(Server::start(*registry, again).ok());
}

}  // namespace
}  // namespace wayside::metrics
