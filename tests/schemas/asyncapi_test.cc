// asyncapi.yaml says what the code does: topics of the table, topics of the link, and every format.
#include <algorithm>
#include <array>
#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "bridge/link/topics.h"
#include "common/topic/topic.h"
#include "common/version.h"
#include "tests/schemas/plain_yaml.h"

namespace wayside::schemas {
namespace {

namespace link = bridge::link;
namespace fs = std::filesystem;

const std::string kSchemas = std::string(WAYSIDE_SOURCE_DIR) + "/schemas";
constexpr std::string_view kMessageRef = "#/components/messages/";

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  REQUIRE_FALSE(lines.empty());
  return lines;
}

PlainYaml asyncapi() {
  std::string bad_line;
  PlainYaml yaml = parse_plain_yaml(lines_of(kSchemas + "/asyncapi.yaml"), bad_line);
  INFO(bad_line);
  REQUIRE(bad_line.empty());
  return yaml;
}

// "v1/{vehicle}/event/{event}" with something good in each slot.
std::string filled(std::string address) {
  for (std::size_t open = address.find('{'); open != std::string::npos; open = address.find('{')) {
    address.replace(open, address.find('}') + 1 - open, "some");
  }
  return address;
}

std::vector<std::string> messages_of(const PlainYaml& yaml, const std::string& channel) {
  std::vector<std::string> names;
  for (const auto& name : children(yaml, "channels/" + channel + "/messages")) {
    const std::string ref = yaml.at("channels/" + channel + "/messages/" + name + "/$ref");
    REQUIRE(ref == std::string(kMessageRef) + name);
    names.push_back(name);
  }
  return names;
}

// After `word`, the text up to a semicolon, without quotes: `root_type Next;` gives "Next".
std::string after(const std::vector<std::string>& lines, const std::string& word) {
  for (const auto& line : lines) {
    if (!line.starts_with(word + " ")) continue;
    std::string value = line.substr(word.size() + 1, line.find(';') - word.size() - 1);
    std::erase(value, '"');
    return value;
  }
  return {};
}

struct Format {
  std::string identifier;
  std::string file;
  auto operator<=>(const Format&) const = default;
};

// Root type -> identifier and file, of every .fbs that has a root.
std::map<std::string, Format> formats() {
  std::map<std::string, Format> found;
  for (const auto& entry : fs::directory_iterator(kSchemas)) {
    if (entry.path().extension() != ".fbs") continue;
    const auto lines = lines_of(entry.path().string());
    const std::string root = after(lines, "root_type");
    const std::string identifier = after(lines, "file_identifier");
    CAPTURE(entry.path().string());
    REQUIRE(root.empty() == identifier.empty());
    if (!root.empty()) found[root] = {identifier, entry.path().filename().string()};
  }
  return found;
}

}  // namespace

TEST_CASE("asyncapi names every row of the topic table, and no row that is none") {
  const PlainYaml yaml = asyncapi();
  std::set<std::string> rows;
  for (int row = 0; row <= static_cast<int>(topic::Row::ordinary); ++row) {
    rows.insert(topic::to_string(static_cast<topic::Row>(row)));
  }
  std::set<std::string> named;
  for (const auto& channel : children(yaml, "channels")) {
    const auto row = yaml.find("channels/" + channel + "/x-wayside-row");
    if (row == yaml.end()) continue;
    const std::string name = filled(yaml.at("channels/" + channel + "/address"));
    CAPTURE(channel, name);
    const auto parsed = topic::classify(name);
    REQUIRE(parsed.has_value());
    CHECK(topic::to_string(parsed->row) == row->second);
    named.insert(row->second);
  }
  CHECK(named == rows);
}

TEST_CASE("asyncapi names every topic of the link with its message, and none besides") {
  const PlainYaml yaml = asyncapi();
  using link::Channel;
  using link::Kind;
  struct Carried {
    bool up;
    link::Address address;
    const char* message;
  };
  const std::vector<Carried> carried = {
      {true, {Channel::urgent, Kind::hello}, "Hello"},          {true, {Channel::urgent, Kind::batch}, "Batch"},
      {true, {Channel::urgent, Kind::downack}, "DownAck"},      {true, {Channel::bulk, Kind::batch}, "Batch"},
      {false, {Channel::urgent, Kind::hello}, "Hello"},         {false, {Channel::urgent, Kind::next}, "Next"},
      {false, {Channel::urgent, Kind::credit}, "Credit"},       {false, {Channel::urgent, Kind::rejected}, "Rejected"},
      {false, {Channel::urgent, Kind::downbatch}, "DownBatch"}, {false, {Channel::bulk, Kind::next}, "Next"},
      {false, {Channel::bulk, Kind::credit}, "Credit"},         {false, {Channel::bulk, Kind::rejected}, "Rejected"}};
  std::map<std::string, std::string> expected;
  for (const auto& c : carried) {
    expected[c.up ? link::up_topic("some", c.address) : link::down_topic("some", c.address)] = c.message;
  }
  std::map<std::string, std::string> named;
  for (const auto& channel : children(yaml, "channels")) {
    if (!yaml.contains("channels/" + channel + "/x-wayside-link")) continue;
    const std::string name = filled(yaml.at("channels/" + channel + "/address"));
    CAPTURE(name);
    const auto parsed = link::parse_topic(name);
    REQUIRE(parsed.has_value());
    CHECK((parsed->up ? "up" : "down") == yaml.at("channels/" + channel + "/x-wayside-link"));
    REQUIRE(messages_of(yaml, channel).size() == 1);
    named[name] = messages_of(yaml, channel).front();
  }
  CHECK(named == expected);
}

TEST_CASE("asyncapi names every format of the .fbs files with its file identifier, and none besides") {
  const PlainYaml yaml = asyncapi();
  std::map<std::string, Format> named;
  for (const auto& name : children(yaml, "components/messages")) {
    const std::string base = "components/messages/" + name;
    CHECK(yaml.at(base + "/name") == name);
    const auto identifier = yaml.find(base + "/x-file-identifier");
    if (identifier != yaml.end()) named[name] = {identifier->second, yaml.at(base + "/payload/schema")};
  }
  CHECK(named == formats());
  std::set<std::string> identifiers;
  for (const auto& [root, format] : formats()) identifiers.insert(format.identifier);
  CHECK(identifiers.size() == formats().size());
}

TEST_CASE("asyncapi carries each message on a topic, or says where else it lies") {
  const PlainYaml yaml = asyncapi();
  std::set<std::string> on_topics;
  for (const auto& channel : children(yaml, "channels")) {
    const auto names = messages_of(yaml, channel);
    CAPTURE(channel);
    CHECK_FALSE(names.empty());
    for (const auto& name : names) {
      CHECK(yaml.contains("components/messages/" + name));
      on_topics.insert(name);
    }
  }
  for (const auto& name : children(yaml, "components/messages")) {
    CAPTURE(name);
    const std::string& where = yaml.at("components/messages/" + name + "/x-carried");
    CHECK((where == "topic") == on_topics.contains(name));
    CHECK((where == "topic" || where == "framed" || where == "file"));
  }
}

TEST_CASE("asyncapi and the chart are of the release that is built") {
  CHECK(asyncapi().at("info/version") == version());
  const std::vector<std::string> chart = lines_of(std::string(WAYSIDE_SOURCE_DIR) + "/helm/wayside/Chart.yaml");
  CHECK(std::ranges::count(chart, "appVersion: \"" + std::string(version()) + "\"") == 1);
}

TEST_CASE("asyncapi describes each slot of an address, and each operation is on a channel") {
  const PlainYaml yaml = asyncapi();
  for (const auto& channel : children(yaml, "channels")) {
    const std::string& address = yaml.at("channels/" + channel + "/address");
    std::set<std::string> slots;
    for (std::size_t at = address.find('{'); at != std::string::npos; at = address.find('{', at + 1)) {
      slots.insert(address.substr(at + 1, address.find('}', at) - at - 1));
    }
    const auto described = children(yaml, "channels/" + channel + "/parameters");
    CAPTURE(channel);
    CHECK(slots == std::set<std::string>(described.begin(), described.end()));
  }
  std::set<std::string> used;
  for (const auto& operation : children(yaml, "operations")) {
    const std::string ref = yaml.at("operations/" + operation + "/channel/$ref");
    CAPTURE(operation, ref);
    REQUIRE(ref.starts_with("#/channels/"));
    CHECK(yaml.contains(ref.substr(2)));
    used.insert(ref.substr(std::string("#/channels/").size()));
  }
  for (const auto& channel : children(yaml, "channels")) {
    CAPTURE(channel);
    CHECK(used.contains(channel) == (channel != "control"));  // reserved: nothing publishes it yet
  }
}

}  // namespace wayside::schemas
