// docs/guides: every block of commands that is marked runs against a region, and prints what its mark says.
#include <regex>
#include <sstream>

#include "tests/fleet/region_fixture.h"

using namespace wayside;

namespace {

struct Block {
  std::string guide, expected, commands;
  int exit_code = 0;
};

std::string guide(const std::string& name) {
  return test::slurp(std::string(WAYSIDE_SOURCE_DIR) + "/docs/guides/" + name + ".md");
}

// The text of the fenced block that follows `line`.
std::string fenced(std::istringstream& lines) {
  std::string text;
  std::string line;
  std::getline(lines, line);
  REQUIRE(line.starts_with("```"));
  while (std::getline(lines, line) && !line.starts_with("```")) text += line + "\n";
  return text;
}

std::vector<Block> blocks() {
  static const std::regex kMark("<!-- run(?: with status ([0-9]))?: (.+) -->");
  std::vector<Block> all;
  for (const char* name : {"operator", "backend", "vehicle"}) {
    std::istringstream lines(guide(name));
    std::smatch found;
    for (std::string line; std::getline(lines, line);) {
      if (!std::regex_match(line, found, kMark)) continue;
      Block block{name, found[2], "", found[1].matched ? std::stoi(found[1]) : 0};
      block.commands = fenced(lines);
      all.push_back(std::move(block));
    }
  }
  return all;
}

std::string setting(const std::string& name, const std::string& value) {
  return "export " + name + "='" + value + "'\n";
}

std::string places(const test::RunningRegion& running) {
  const auto& paths = running.region->paths();
  const auto& ports = running.region->ports();
  return "set -euo pipefail\nexport PATH='" WAYSIDE_BIN_DIR "':$PATH\ncd '" + running.dir.path() + "'\n" +
         setting("EDGE_RUN", paths.edge_run()) + setting("EDGE_STATE", paths.edge_state()) + setting("PKI", paths.pki) +
         setting("EDGE_HOST", "127.0.0.1") + setting("VEHICLES_PORT", std::to_string(ports.vehicles)) +
         setting("SERVICES_PORT", std::to_string(ports.services)) + setting("CORE_HOST", "127.0.0.1") +
         setting("CORE_PORT", std::to_string(ports.core_services)) +
         setting("VEHICLE", running.region->options().vehicles[0]);
}

test::Ran run_script(const test::RunningRegion& running, const std::string& commands) {
  return test::run({"bash", running.dir.write("block.sh", places(running) + commands)}, 60'000);
}

}  // namespace

TEST_CASE("the commands of the guides do at a running region what the guides say") {
  test::RunningRegion running(3, [](fleet::CarsOptions& cars) { cars.car.interval_ms = 200; });
  REQUIRE(test::wait_until([&] { return running.cars->stats().online == 3; }, 30'000));
  const auto status = std::string(WAYSIDE_BIN_DIR) + "/wayside";
  REQUIRE(test::wait_until(
      [&] { return test::run({status, "status", running.region->paths().edge_run()}).exit_code == 0; }, 30'000));
  const auto all = blocks();
  CHECK(all.size() >= 10);
  for (const Block& block : all) {
    INFO(block.guide << ":\n" << block.commands);
    const test::Ran ran = run_script(running, block.commands);
    INFO(ran.output);
    CHECK(ran.exit_code == block.exit_code);
    CHECK(ran.output.find(block.expected) != std::string::npos);
  }
}

#ifdef WAYSIDE_PYTHON
TEST_CASE("the consumer of the backend guide stores every value once, however often it is told") {
  test::RunningRegion running(3, [](fleet::CarsOptions& cars) {
    cars.car.interval_ms = 100;
    cars.car.frames_max = 20;
  });
  running.drain();
  std::istringstream lines(guide("backend"));
  std::string line;
  while (std::getline(lines, line) && line != "<!-- file: consumer.py -->") continue;
  const std::string consumer = running.dir.write("consumer.py", fenced(lines));
  const auto told = fleet::verify(running.region->paths().journals(), running.region->paths().sink());
  REQUIRE(told.ok());
  CHECK(told->ok());
  const std::string tell = "cat " + running.region->paths().sink() + "/*.jsonl | " WAYSIDE_PYTHON " " + consumer + " " +
                           running.dir.path() + "/store.db\n";
  const test::Ran once = run_script(running, tell);
  INFO(once.output);
  CHECK(once.exit_code == 0);
  // Nothing was repeated in this run: each value stands in the file once.
  const std::string state = test::slurp(running.region->paths().sink() + "/state-00000000000000000000.jsonl");
  std::size_t values = 0;
  for (std::size_t at = state.find("\"path\":"); at != std::string::npos; at = state.find("\"path\":", at + 1))
    ++values;
  CHECK(values > 100);
  CHECK(once.output.find("value " + std::to_string(values) + "\n") != std::string::npos);
  const test::Ran again = run_script(running, tell);
  CHECK(again.output == once.output);
}
#endif
