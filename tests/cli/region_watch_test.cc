// Commands that look at a region that runs: top, tail, support-bundle.
#include <csignal>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/fleet/region_fixture.h"

using namespace wayside;

namespace {

test::Ran run_wayside(std::vector<std::string> args) {
  args.insert(args.begin(), std::string(WAYSIDE_BIN_DIR) + "/wayside");
  return test::run(args, 40'000);
}

bool says(const test::Ran& ran, const std::string& text) { return ran.output.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a running region is looked at by top, tail and support-bundle, and goes on") {
  test::RunningRegion running(3, [](fleet::CarsOptions& cars) { cars.car.interval_ms = 200; });
  auto& cars = *running.cars;
  const auto& paths = running.region->paths();
  const auto& vins = running.region->options().vehicles;
  REQUIRE(test::wait_until([&] { return cars.stats().online == 3; }, 30'000));
  SECTION("top shows rates once and again, and ends well with Ctrl-C") {
    REQUIRE(test::wait_until([&] { return cars.stats().total.acked > 3; }, 20'000));
    const auto once = run_wayside({"top", paths.edge_run(), "--once", "--interval-ms", "1000"});
    INFO(once.output);
    CHECK(once.exit_code == 0);
    CHECK(says(once, "GATE     3 online"));
    CHECK(once.output.find('\x1b') == std::string::npos);
    const auto output = running.dir.path() + "/top.jsonl";
    test::Process top(
        {std::string(WAYSIDE_BIN_DIR) + "/wayside", "top", paths.edge_run(), "--json", "--interval-ms", "500"},
        {.output = output});
    const auto lines = [&] {
      const std::string text = test::slurp(output);
      return std::count(text.begin(), text.end(), '\n');
    };
    CHECK(test::wait_until([&] { return lines() >= 3; }, 20'000));
    top.signal(SIGINT);
    CHECK(top.wait() == 0);
    // Cars publish five times a second: what one look shows is what they do.
    const auto json = nlohmann::json::parse(test::slurp(output).substr(0, test::slurp(output).find('\n')));
    CHECK(json["vehicles_online"] == 3);
    CHECK(json["lanes"][index_of(Lane::state)]["synced_per_s"] > 1);
  }
  SECTION("tail shows records of the running edge as they come, whatever becomes of its core") {
    const auto ran = run_wayside({"tail", paths.edge_state(), "--lane", "state", "--json", "--limit", "20"});
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    std::istringstream lines(ran.output);
    std::int64_t before = -1;
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) {
      const auto record = nlohmann::json::parse(line);
      const std::int64_t offset = std::stoll(record["offset"].get<std::string>());
      CHECK((before < 0 || offset == before + 1));
      before = offset;
      CHECK(record["vehicle"].get<std::string>().starts_with("veh:"));
      CHECK(record["payload"].dump().find("Vehicle.Speed") != std::string::npos);
    }
    CHECK(count == 20);
    const auto one =
        run_wayside({"tail", paths.edge_state(), "--topic", "v1/" + vins[1] + "/#", "--limit", "3", "--show-vehicles"});
    CHECK(one.exit_code == 0);
    CHECK(says(one, vins[1]));
    CHECK_FALSE(says(one, vins[0]));
    running.region->kill_core();
    CHECK(run_wayside({"tail", paths.edge_state(), "--lane", "state", "--limit", "5"}).exit_code == 0);
    REQUIRE(running.region->start_core().ok());
  }
  SECTION("a support bundle of the edge and of the core has every part, and no vehicle") {
    REQUIRE(test::wait_until([&] { return cars.stats().total.acked > 3; }, 20'000));
    for (const std::string& run : {paths.edge_run(), paths.core_run()}) {
      const std::string file = running.dir.path() + "/" + (run == paths.edge_run() ? "edge" : "core") + ".tar.gz";
      const auto ran = run_wayside({"support-bundle", run, "-o", file, "--json"});
      INFO(ran.output);
      REQUIRE(ran.exit_code == 0);
      CHECK(says(ran, "\"missing\": []"));
      REQUIRE(test::run({"tar", "-C", running.dir.path(), "-xzf", file}).exit_code == 0);
      const std::string root = running.dir.path() + "/wayside-support";
      CHECK(test::run({"grep", "-rqF", "WSYDEM", root}).exit_code == 1);
      CHECK(test::run({"grep", "-rq", "Max open files", root + "/machine.json"}).exit_code == 0);
      const bool edge = run == paths.edge_run();
      CHECK(test::run({"grep", "-q", edge ? "HEALTHY\\|\"healthy\"\\|\"degraded\"" : "\"lane\": \"state\"",
                       root + (edge ? "/status.json" : "/corelog.json")})
                .exit_code == 0);
    }
  }
}

TEST_CASE("status of an edge whose broker does not run says so, what to do and where to read on, and ends with 3") {
  const test::TempDir dir("status");
  const auto ran = run_wayside({"status", dir.path()});
  INFO(ran.output);
  CHECK(ran.exit_code == 3);
  CHECK(says(ran, "the broker does not answer"));
  CHECK(says(ran, "Runbook WS-UP-01"));
}
