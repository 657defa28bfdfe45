// docs/3am.md: the places that it names exist, and give answers at a region that runs.
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "tests/fleet/region_fixture.h"

using namespace wayside;
using Json = nlohmann::json;

namespace {

struct Question {
  std::string asked, line, member, board, panel, command, word;
  int exit_code = -1;
};

std::string source(const std::string& relative) {
  return test::slurp(std::string(WAYSIDE_SOURCE_DIR) + "/" + relative);
}

std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  for (std::size_t at = 1; at + 1 < row.size();) {
    const std::size_t end = row.find(" |", at);
    if (end == std::string::npos) break;
    const std::size_t from = std::min(row.find_first_not_of(' ', at), end);
    cells.push_back(row.substr(from, end - from));
    at = end + 2;
  }
  return cells;
}

// Every row of the table; a cell in no known form fails.
std::vector<Question> questions() {
  static const std::regex kStatus("`([A-Za-z]+)` `([a-z_/0-9\\[\\]]+)`");
  static const std::regex kPanel("(edge|core): (.+)");
  static const std::regex kCommand("`(wayside [^`]+)` exit ([0-9]), `([^`]+)`");
  std::vector<Question> all;
  std::istringstream lines(source("docs/3am.md"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| ") || line.starts_with("| ---") || line.starts_with("| question")) continue;
    const auto cells = cells_of(line);
    INFO(line);
    REQUIRE(cells.size() == 5);
    Question question;
    question.asked = cells[0];
    std::smatch found;
    if (std::regex_match(cells[1], found, kStatus)) {
      question.line = found[1];
      question.member = found[2];
    } else {
      CHECK(cells[1].empty());
    }
    REQUIRE(std::regex_match(cells[2], found, kPanel));
    question.board = found[1];
    question.panel = found[2];
    if (std::regex_match(cells[3], found, kCommand)) {
      question.command = found[1];
      question.exit_code = std::stoi(found[2]);
      question.word = found[3];
    } else {
      CHECK(cells[3].empty());
    }
    all.push_back(std::move(question));
  }
  return all;
}

// "lanes[]/oldest_s": of every element.
bool has_member(const Json& json, const std::string& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  std::string name = path.substr(0, end);
  const bool each = name.ends_with("[]");
  if (each) name.resize(name.size() - 2);
  if (!json.is_object() || !json.contains(name)) return false;
  if (end == path.size()) return true;
  const std::string rest = path.substr(end + 1);
  if (!each) return has_member(json[name], rest);
  for (const Json& element : json[name]) {
    if (!has_member(element, rest)) return false;
  }
  return !json[name].empty();
}

bool has_panel(const std::string& board, const std::string& title) {
  const Json dashboard = Json::parse(source("helm/wayside/files/dashboards/" + board + ".json"));
  for (const Json& panel : dashboard["panels"]) {
    if (panel["title"] == title && panel["type"] != "row") return true;
  }
  return false;
}

bool has_line(const std::string& text, const std::string& first_word) {
  return ("\n" + text).find("\n" + first_word + " ") != std::string::npos;
}

std::vector<std::string> words_of(const std::string& command, const std::map<std::string, std::string>& places) {
  std::vector<std::string> words;
  std::istringstream in(command);
  for (std::string word; in >> word;) {
    const std::size_t slash = std::min(word.find('/'), word.size());
    const auto place = places.find(word.substr(0, slash));
    words.push_back(place == places.end() ? word : place->second + word.substr(slash));
  }
  words.front() = std::string(WAYSIDE_BIN_DIR) + "/wayside";
  return words;
}

}  // namespace

TEST_CASE("twenty questions at 3 a.m.: each has a panel, and what is named beside it exists in words of the product") {
  const auto all = questions();
  CHECK(all.size() == 20);
  for (const Question& question : all) {
    INFO(question.asked);
    CHECK(question.asked.ends_with("?"));
    CHECK(has_panel(question.board, question.panel));
  }
  const std::string metrics = source("docs/metrics.md");
  const std::string text = source("docs/3am.md");
  static const std::regex kMetric("`(wayside_[a-z_]+)");
  std::size_t named = 0;
  for (auto at = std::sregex_iterator(text.begin(), text.end(), kMetric); at != std::sregex_iterator(); ++at, ++named) {
    INFO((*at)[1].str());
    CHECK(metrics.find("| `" + (*at)[1].str() + "` |") != std::string::npos);
  }
  CHECK(named >= 4);
}

TEST_CASE("twenty questions at 3 a.m.: status and every command answer at a region that runs") {
  test::RunningRegion running(3, [](fleet::CarsOptions& cars) { cars.car.interval_ms = 200; });
  const auto& paths = running.region->paths();
  const auto& ports = running.region->ports();
  REQUIRE(test::wait_until([&] { return running.cars->stats().total.acked > 10; }, 30'000));
  running.cars->finish();  // the cars stay online: both ledgers stand still and can be compared
  REQUIRE(test::wait_until([&] { return running.cars->stats().idle == 3 && running.settled_and_written(); }, 60'000));
  const auto at = [](int port) { return "127.0.0.1:" + std::to_string(port); };
  const std::map<std::string, std::string> places = {{"RUN", paths.edge_run()},
                                                     {"STATE", paths.edge_state()},
                                                     {"CORE_RUN", paths.core_run()},
                                                     {"EDGE_METRICS", at(ports.edge_metrics)},
                                                     {"CORE_METRICS", at(ports.core_bridge_metrics)},
                                                     {"SERVICES", at(ports.services)},
                                                     {"PKI", paths.pki},
                                                     {"VEHICLE", running.region->options().vehicles[0]}};
  const std::string wayside = std::string(WAYSIDE_BIN_DIR) + "/wayside";
  const auto healthy = [&] { return test::run({wayside, "status", paths.edge_run()}).exit_code == 0; };
  REQUIRE(test::wait_until(healthy, 30'000));
  const std::string text = test::run({wayside, "status", paths.edge_run()}).output;
  const Json json = Json::parse(test::run({wayside, "status", paths.edge_run(), "--json"}).output);
  std::size_t commands = 0;
  for (const Question& question : questions()) {
    INFO(question.asked);
    INFO(text);
    if (!question.line.empty()) {
      CHECK(has_line(text, question.line));
      CHECK(has_member(json, question.member));
    }
    if (question.command.empty()) continue;
    ++commands;
    const test::Ran ran = test::run(words_of(question.command, places), 40'000);
    INFO(ran.output);
    CHECK(ran.exit_code == question.exit_code);
    CHECK(ran.output.find(question.word) != std::string::npos);
  }
  CHECK(commands >= 10);
}
