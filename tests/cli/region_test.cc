// The operator's commands against a region that runs.
#include "cli/volume.h"
#include "tests/fleet/region_fixture.h"

using namespace wayside;

namespace {

test::Ran run_wayside(std::vector<std::string> args) {
  args.insert(args.begin(), std::string(WAYSIDE_BIN_DIR) + "/wayside");
  return test::run(args, 40'000);
}

bool says(const test::Ran& ran, const std::string& text) { return ran.output.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("a running region: send, refusals, block, ledger and verify answer with their exit codes") {
  test::RunningRegion running(3, [](fleet::CarsOptions& cars) { cars.car.interval_ms = 200; });
  auto& cars = *running.cars;
  const auto& paths = running.region->paths();
  const auto& vins = running.region->options().vehicles;
  REQUIRE(test::wait_until([&] { return cars.stats().online == 3; }, 30'000));
  const auto send = [&](const std::string& vehicle, const std::string& group, std::vector<std::string> more) {
    std::vector<std::string> args = {"send",      vehicle,
                                     group,       "doors",
                                     "--to",      "127.0.0.1:" + std::to_string(running.region->ports().services),
                                     "--pki",     paths.pki,
                                     "--service", "region-app"};
    args.insert(args.end(), more.begin(), more.end());
    return run_wayside(args);
  };
  SECTION("an unlock over the region ends SUCCEEDED, its car has executed it once") {
    const auto ran = send(vins[0], "unlock", {"--wait", "--json"});
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    CHECK(says(ran, R"("outcome":"ACCEPTED")"));
    CHECK(says(ran, R"("state":"SUCCEEDED")"));
    CHECK(cars.stats_of(vins[0]).total.commands == 1);
  }
  SECTION("over the core the answer is FORWARDED and the status comes back through the sink") {
    const auto ran = run_wayside({"send", vins[0], "climate", "on", "--core", "--wait", "--to",
                                  "127.0.0.1:" + std::to_string(running.region->ports().core_services), "--pki",
                                  paths.pki, "--service", "backend"});
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    CHECK(says(ran, "FORWARDED"));
    CHECK(says(ran, "SUCCEEDED"));
  }
  SECTION("a group that the grant does not name and a deadline that has passed are refused with their reason") {
    const auto scope = send(vins[0], "trunk", {});
    INFO(scope.output);
    CHECK(scope.exit_code == 4);
    CHECK(says(scope, "GRANT_SCOPE"));
    const auto late = send(vins[0], "unlock", {"--deadline-s", "-5"});
    CHECK(late.exit_code == 4);
    CHECK(says(late, "DEADLINE_PASSED"));
    CHECK(cars.stats_of(vins[0]).total.commands == 0);
  }
  SECTION("a blocked vehicle is disconnected until it is unblocked") {
    REQUIRE(run_wayside({"vehicle", "block", vins[1], "--admin", paths.admin_socket()}).exit_code == 0);
    CHECK(test::wait_until([&] { return cars.stats_of(vins[1]).online == 0; }, 10'000));
    REQUIRE(run_wayside({"vehicle", "unblock", vins[1], "--admin", paths.admin_socket()}).exit_code == 0);
    CHECK(test::wait_until([&] { return cars.stats_of(vins[1]).online == 1; }, 30'000));
  }
  SECTION("wayside vehicle tells of a car that is online, of one that is blocked with a command waiting, and of none") {
    const auto vehicle = [&](const std::string& id, std::vector<std::string> more = {}) {
      std::vector<std::string> args = {"vehicle", id, "--admin", paths.admin_socket()};
      args.insert(args.end(), more.begin(), more.end());
      return run_wayside(args);
    };
    const auto online = vehicle(vins[0]);
    INFO(online.output);
    CHECK(online.exit_code == 0);
    CHECK(says(online, vins[0] + " at edge edge-1 (demo)\nONLINE    since 20"));
    CHECK(says(online, "from 127.0.0.1:"));
    CHECK(says(online, "PROVEN    certificate "));
    CHECK(says(online, "not after 20"));
    CHECK(says(online, "COMMANDS  0 open\n"));
    CHECK(says(online, "REFUSED   nothing that is remembered\n"));

    REQUIRE(run_wayside({"vehicle", "block", vins[1], "--admin", paths.admin_socket()}).exit_code == 0);
    REQUIRE(send(vins[1], "unlock", {"--deadline-s", "60", "--json"}).exit_code == 0);
    REQUIRE(test::wait_until([&] { return says(vehicle(vins[1]), "connect BLOCKED"); }, 20'000));
    const auto blocked = vehicle(vins[1]);
    INFO(blocked.output);
    CHECK(says(blocked, ", BLOCKED by an operator\nOFFLINE   since 20"));
    CHECK(says(blocked, "COMMANDS  1 open\n"));
    CHECK(says(blocked, "unlock doors  QUEUED  deadline 20"));
    CHECK(says(blocked, "An operator has blocked this vehicle."));
    const auto json = vehicle(vins[1], {"--json"});
    CHECK(json.exit_code == 0);
    CHECK(says(json, R"("online":false,"blocked":true,"connection":null,"sessions_answer":true,"session":{"epoch":)"));
    CHECK(says(json, R"("state":"QUEUED")"));
    CHECK(says(json, R"({"stage":"connect","reason":"BLOCKED","sentence":)"));

    const auto none = vehicle("WVWZZZ1JZXW999999");
    CHECK(none.exit_code == 1);
    CHECK(says(none, "VEHICLE_UNKNOWN: nothing is known of WVWZZZ1JZXW999999 at edge-1"));
    CHECK(vehicle("not an id").exit_code == 2);
  }
  SECTION("status says healthy while all is well, and why not while the core is dead, and healthy again") {
    const auto status = [&] { return run_wayside({"status", paths.edge_run()}); };
    CHECK(test::wait_until([&] { return status().exit_code == 0; }, 20'000));
    const auto well = status();
    INFO(well.output);
    CHECK(says(well, "HEALTHY"));
    CHECK(says(well, "VEHICLES 3 online"));
    running.region->kill_core();
    REQUIRE(test::wait_until([&] { return status().exit_code == 1; }, 20'000));
    const auto dead = status();
    INFO(dead.output);
    CHECK(says(dead, "DEGRADED core 127.0.0.1:"));
    CHECK(says(dead, "Runbook WS-LINK-01"));
    CHECK(says(dead, "VEHICLES 3 online"));
    REQUIRE(running.region->start_core().ok());
    CHECK(test::wait_until([&] { return status().exit_code == 0; }, 30'000));
    const auto none = run_wayside({"status", paths.edge_state()});
    CHECK(none.exit_code == 3);
    CHECK(says(none, "admin.sock"));
  }
  SECTION("after the drive verify holds and the edge's ledger equals the core's") {
    REQUIRE(test::wait_until([&] { return cars.stats().total.acked > 30; }, 30'000));
    cars.finish();
    running.drain();
    const auto verified = run_wayside({"verify", "--journals", paths.journals(), "--sink", paths.sink(), "--json"});
    INFO(verified.output);
    CHECK(verified.exit_code == 0);
    const auto ledger = run_wayside({"ledger", paths.edge_state(), "--core", paths.core_run(), "--edge", "edge-1"});
    INFO(ledger.output);
    CHECK(ledger.exit_code == 0);
    CHECK(says(ledger, "edge and core are equal"));
    const auto volume = cli::read_volume(paths.edge_state() + "/spool");
    REQUIRE(volume.ok());
    for (const auto& lane : volume->lanes) CHECK(lane.pending == 0);
  }
}
