// Cars against a stock broker over mutual TLS: the same client code that talks to the edge.
#include "fleet/cars.h"

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "certs/pki.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "fleet/ports.h"
#include "fleet/process.h"
#include "fleet/region.h"
#include "fleet/region_files.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;
using namespace wayside::fleet;

namespace {

constexpr int kPatienceMs = 20'000;

struct StockBroker {
  explicit StockBroker(const std::string& dir, const std::string& pki, int port)
      : process({"mosquitto", {find_program("mosquitto"), "-c", dir + "/mosquitto.conf"}, dir + "/mosquitto.log"}) {
    const auto conf = "listener " + std::to_string(port) + " 127.0.0.1\ncafile " + pki + "/ca/vehicles.crt\ncertfile " +
                      pki + "/edge/edge-1/server.crt\nkeyfile " + pki + "/edge/edge-1/server.key\n" +
                      "require_certificate true\nallow_anonymous true\npersistence false\nuser " +
                      (geteuid() == 0 ? "root" : "mosquitto") + "\n";
    REQUIRE(os::write_file_atomic(dir + "/mosquitto.conf", conf, 0600));
    start(port);
  }
  void start(int port) {
    REQUIRE(process.start());
    REQUIRE(wait_port(port, kPatienceMs));
  }
  Process process;
};

std::size_t count_lines(const std::string& file, const std::string& part) {
  std::ifstream in(file);
  std::string line;
  std::size_t count = 0;
  while (std::getline(in, line)) count += line.find(part) != std::string::npos ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("cars resend what a killed broker had not acknowledged and every message ends acknowledged") {
  test::TempDir dir;
  const auto pki = dir.path() + "/pki";
  const auto vins = simulated_vins(5);
  REQUIRE(make_region_pki(pki, {}, vins).ok());
  const auto seed = os::random_seed();
  INFO("seed " << seed);
  PortPicker picker(seed);
  const auto port = picker.pick();
  REQUIRE(port.ok());
  StockBroker broker(dir.path(), pki, *port);
  const auto disk = os::make_posix_disk();
  CarsOptions options;
  options.vehicles = vins;
  options.pki = pki;
  options.journal = dir.path() + "/cars.jsonl";
  options.to = {"localhost", *port};
  options.seed = seed;
  options.car.frames_max = 2000;
  options.car.interval_ms = 0;
  auto pool = make_cars(options, *disk);
  REQUIRE(pool.ok());
  REQUIRE((*pool)->start().ok());
  REQUIRE(test::wait_until([&] { return (*pool)->stats().total.acked > 1000; }, kPatienceMs));
  broker.process.kill_now();
  REQUIRE(test::wait_until([&] { return (*pool)->stats().online == 0; }, kPatienceMs));
  const std::string why = (*pool)->stats().last_failure;
  INFO(why);
  const auto begins = [&](const char* words) { return why.starts_with(words); };
  CHECK((begins("the server ended the connection") || begins("read: ") || begins("write: ") || begins("connect: ")));
  broker.start(*port);
  const auto idle = [&] {
    const auto stats = (*pool)->stats();
    return stats.finished == vins.size() && stats.idle == vins.size();
  };
  REQUIRE(test::wait_until(idle, 4 * kPatienceMs));
  const auto stats = (*pool)->stats();
  (*pool)->stop();
  const std::uint64_t expected = 5 * (2000 + 2000 / 20);  // frames and an event every twentieth
  CHECK(stats.total.acked == expected);
  CHECK(stats.total.resent > 0);
  CHECK(stats.fault.empty());
  CHECK(count_lines(options.journal, "\"acked\"") == expected);
  CHECK(count_lines(options.journal, "\"sequence\"") == expected);
  CHECK(count_lines(options.journal, "\"resent\"") == stats.total.resent);
}

TEST_CASE("an offline car keeps its drive and says it when it comes back") {
  test::TempDir dir;
  const auto pki = dir.path() + "/pki";
  const auto vins = simulated_vins(2);
  REQUIRE(make_region_pki(pki, {}, vins).ok());
  PortPicker picker(os::random_seed());
  const auto port = picker.pick();
  REQUIRE(port.ok());
  StockBroker broker(dir.path(), pki, *port);
  const auto disk = os::make_posix_disk();
  CarsOptions options;
  options.vehicles = vins;
  options.pki = pki;
  options.journal = dir.path() + "/cars.jsonl";
  options.to = {"127.0.0.1", *port};
  options.car.interval_ms = 20;
  auto pool = make_cars(options, *disk);
  REQUIRE(pool.ok());
  REQUIRE((*pool)->start().ok());
  REQUIRE(test::wait_until([&] { return (*pool)->stats().online == 2; }, kPatienceMs));
  (*pool)->go_offline(vins[0]);
  REQUIRE(test::wait_until([&] { return (*pool)->stats_of(vins[0]).waiting > 20; }, kPatienceMs));
  CHECK((*pool)->stats().online == 1);
  (*pool)->come_back(vins[0]);
  (*pool)->finish();
  REQUIRE(test::wait_until([&] { return (*pool)->stats().idle == 2; }, kPatienceMs));
  const auto stats = (*pool)->stats().total;
  (*pool)->stop();
  CHECK(count_lines(options.journal, "\"acked\"") == count_lines(options.journal, "\"sequence\""));
  CHECK(stats.acked > stats.frames);  // events too
  CHECK(stats.skipped == 0);
}

TEST_CASE(
    "a car with QoS 2 goes on with the session of its server, and begins anew at another one that keeps one for it") {
  test::TempDir dirs[2];
  const auto pki = dirs[0].path() + "/pki";
  const auto vins = simulated_vins(1);
  REQUIRE(make_region_pki(pki, {}, vins).ok());
  PortPicker picker(os::random_seed());
  const auto first = picker.pick();
  const auto second = picker.pick();
  REQUIRE((first.ok() && second.ok()));
  const StockBroker at_first(dirs[0].path(), pki, *first);
  const StockBroker at_second(dirs[1].path(), pki, *second);
  const auto disk = os::make_posix_disk();
  CarsOptions options;
  options.vehicles = vins;
  options.pki = pki;
  options.journal = dirs[0].path() + "/cars.jsonl";
  options.to = {"127.0.0.1", *first};
  options.car.interval_ms = 20;
  options.car.qos2_every = 2;
  auto pool = make_cars(options, *disk);
  REQUIRE(pool.ok());
  REQUIRE((*pool)->start().ok());
  std::uint64_t connects = 1;
  const auto connected = [&] { return (*pool)->stats().total.connects == connects; };
  REQUIRE(test::wait_until(connected, kPatienceMs));
  for (const int port : {*first, *second, *second, *first}) {
    (*pool)->go_offline(vins[0]);
    (*pool)->redirect(vins[0], {"127.0.0.1", port});
    (*pool)->come_back(vins[0]);
    ++connects;
    REQUIRE(test::wait_until(connected, kPatienceMs));
  }
  (*pool)->finish();
  REQUIRE(test::wait_until([&] { return (*pool)->stats().idle == 1; }, kPatienceMs));
  (*pool)->stop();
  const auto clean = [&](int broker) { return count_lines(dirs[broker].path() + "/mosquitto.log", ", c1, "); };
  const auto kept = [&](int broker) { return count_lines(dirs[broker].path() + "/mosquitto.log", ", c0, "); };
  CHECK(kept(0) == 1);
  CHECK(clean(0) == 2);
  CHECK(kept(1) == 1);
  CHECK(clean(1) == 1);
}

TEST_CASE("a car whose server is of another CA does not connect and says why") {
  test::TempDir dir;
  const auto vins = simulated_vins(1);
  REQUIRE(make_region_pki(dir.path() + "/pki", {}, vins).ok());
  REQUIRE(make_region_pki(dir.path() + "/other", {}, vins).ok());
  PortPicker picker(os::random_seed());
  const auto port = picker.pick();
  REQUIRE(port.ok());
  StockBroker broker(dir.path(), dir.path() + "/other", *port);
  const auto disk = os::make_posix_disk();
  CarsOptions options;
  options.vehicles = vins;
  options.pki = dir.path() + "/pki";
  options.journal = dir.path() + "/cars.jsonl";
  options.to = {"127.0.0.1", *port};
  options.car.interval_ms = 100;
  auto pool = make_cars(options, *disk);
  REQUIRE(pool.ok());
  REQUIRE((*pool)->start().ok());
  const auto refused = [&] {
    return (*pool)->stats().last_failure.find("certificate verify failed") != std::string::npos;
  };
  CHECK(test::wait_until(refused, kPatienceMs));
  CHECK((*pool)->stats().total.connects == 0);
}
