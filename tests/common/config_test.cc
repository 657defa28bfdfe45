#include "common/config/config.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/support/temp_dir.h"

namespace wayside::config {
namespace {

constexpr Row kRows[] = {
    {.key = "edge.name", .type = Type::text, .required = true, .sentence = "Name of this edge."},
    {.key = "edge.region", .type = Type::text, .fallback = "eu", .sentence = "Its region."},
    {.key = "custody.commit_interval_ms",
     .type = Type::integer,
     .fallback = "5",
     .min = 1,
     .max = 1000,
     .sentence = "Longest wait of a group commit."},
    {.key = "custody.ratio", .type = Type::number, .fallback = "0.5", .sentence = "A ratio."},
    {.key = "vehicles.identity_vin", .type = Type::boolean, .fallback = "true", .sentence = "Ids are VINs."},
    {.key = "vehicles.crl", .type = Type::text, .fallback = "", .apply = Apply::reload, .sentence = "Revocation list."},
    {.key = "log.format", .type = Type::text, .fallback = "\"text\"", .choices = "text|json", .sentence = "Format."},
    {.key = "log.fields", .type = Type::text_list, .fallback = R"(["a", "b"])", .sentence = "Fields."},
};
constexpr Row kAclRows[] = {
    {.key = "service", .type = Type::text, .required = true, .sentence = "Whose right."},
    {.key = "publish", .type = Type::text_list, .fallback = R"(["request"])", .sentence = "Rows."},
    {.key = "ordinary", .type = Type::boolean, .fallback = "true", .sentence = "Ordinary topics too."},
};
constexpr ListTable kLists[] = {{"acl", kAclRows, "Rights of a service."}};
constexpr Table kTable = {"broker", kRows, kLists};

struct Loaded {
  std::optional<Config> config;
  std::vector<std::string> problems;
};

class File {
 public:
  explicit File(const std::string& content) : folder_("config"), path_(folder_.write("edge.toml", content)) {}
  [[nodiscard]] const std::string& path() const { return path_; }
  // Problems with the folder cut off: "edge.toml:1: ...".
  [[nodiscard]] Loaded load(Sources sources = {}) const {
    sources.file = path_;
    Problems problems;
    Loaded out;
    out.config = config::load(kTable, sources, problems);
    for (std::string line : problems.lines) {
      if (line.starts_with(folder_.path())) line.erase(0, folder_.path().size() + 1);
      out.problems.push_back(line);
    }
    return out;
  }

 private:
  test::TempDir folder_;
  std::string path_;
};

using Lines = std::vector<std::string>;

TEST_CASE("config: defaults fill what the file leaves out") {
  const auto loaded = File("[edge]\nname = \"e1\"\n").load();
  REQUIRE(loaded.config);
  const Config& c = *loaded.config;
  CHECK(c.text("edge.name") == "e1");
  CHECK(c.text("edge.region") == "eu");
  CHECK(c.integer("custody.commit_interval_ms") == 5);
  CHECK(c.number("custody.ratio") == 0.5);
  CHECK(c.boolean("vehicles.identity_vin"));
  CHECK(c.text("vehicles.crl").empty());
  CHECK(c.text("log.format") == "text");
  CHECK(c.list("log.fields") == Lines{"a", "b"});
  CHECK(c.entries("acl").empty());
}

TEST_CASE("config: file, environment and command line win in this order, and each value names its source") {
  const File file("[edge]\nname = \"file\"\nregion = \"file\"\n[custody]\ncommit_interval_ms = 7\nratio = 2\n");
  const auto loaded =
      file.load({.file = "",
                 .environment = {{"WAYSIDE_BROKER__CUSTODY__COMMIT_INTERVAL_MS", "8"},
                                 {"WAYSIDE_BROKER__EDGE__REGION", "environment"},
                                 {"WAYSIDE_BRIDGE__EDGE__NAME", "other process"},
                                 {"PATH", "/bin"}},
                 .sets = {"edge.region=set=with=equals", "log.fields=x, y", "vehicles.identity_vin=false"}});
  REQUIRE(loaded.config);
  const Config& c = *loaded.config;
  CHECK(c.value("edge.name").source == file.path() + ":2");
  CHECK(c.integer("custody.commit_interval_ms") == 8);
  CHECK(c.value("custody.commit_interval_ms").source == "environment");
  CHECK(c.text("edge.region") == "set=with=equals");
  CHECK(c.value("edge.region").source == "command line");
  CHECK(c.number("custody.ratio") == 2.0);
  CHECK(c.list("log.fields") == Lines{"x", "y"});
  CHECK_FALSE(c.boolean("vehicles.identity_vin"));
  CHECK(c.value("log.format").source == "default");
}

TEST_CASE("config: an unknown key is an error with file, line and the nearest match") {
  CHECK(File("[edge]\nname = \"e\"\nregoin = \"x\"\n").load().problems ==
        Lines{"edge.toml:3: `edge.regoin` is not a setting; did you mean `edge.region`?"});
  CHECK(File("[edge]\nname = \"e\"\nzzzzzzzz = 1\n").load().problems ==
        Lines{"edge.toml:3: `edge.zzzzzzzz` is not a setting"});
  CHECK(File("[edge]\nname = \"e\"\n[custdy]\nratio = 1\ncommit_interval_ms = 4\n").load().problems ==
        Lines{"edge.toml:3: `custdy` is not a section; did you mean `custody`?"});
}

TEST_CASE("config: every problem is told at once") {
  const auto loaded = File("[custody]\ncommit_interval_ms = 0\nratio = \"x\"\n[log]\nformat = \"xml\"\nfields = [1]\n")
                          .load({.file = "",
                                 .environment = {{"WAYSIDE_BROKER__CUSTODY__RATIOO", "1"}},
                                 .sets = {"custody.ratio", "edge.nme=x"}});
  CHECK_FALSE(loaded.config);
  CHECK(loaded.problems == Lines{"edge.toml:2: `custody.commit_interval_ms` must be from 1 to 1000, not 0",
                                 "edge.toml:3: `custody.ratio` must be a number",
                                 "edge.toml:5: `log.format` must be one of `text`, `json`",
                                 "edge.toml:6: `log.fields` must be a list of texts",
                                 "environment: `WAYSIDE_BROKER__CUSTODY__RATIOO` is not a setting; did you mean "
                                 "`WAYSIDE_BROKER__CUSTODY__RATIO`?",
                                 "--set custody.ratio: must be key=value",
                                 "--set `edge.nme` is not a setting; did you mean `edge.name`?",
                                 "edge.toml: `edge.name` is required"});
}

TEST_CASE("config: a file that does not parse, is not there or is a setting twice names its line") {
  auto problems = File("[edge]\nname = \n").load().problems;
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].starts_with("edge.toml:2: "));
  problems = File("[edge]\nname = \"a\"\nname = \"b\"\n").load().problems;
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].starts_with("edge.toml:3: "));
  Problems missing;
  CHECK_FALSE(load(kTable, {.file = "/nonexistent/edge.toml", .environment = {}, .sets = {}}, missing));
  REQUIRE(missing.lines.size() == 1);
  CHECK(missing.lines[0].starts_with("/nonexistent/edge.toml: "));
}

TEST_CASE("config: values of the environment and the command line pass the same checks") {
  const File file("[edge]\nname = \"e\"\n");
  CHECK(
      file.load({.file = "", .environment = {{"WAYSIDE_BROKER__CUSTODY__COMMIT_INTERVAL_MS", "5x"}}, .sets = {}})
          .problems ==
      Lines{
          "environment WAYSIDE_BROKER__CUSTODY__COMMIT_INTERVAL_MS: `custody.commit_interval_ms` must be an integer"});
  CHECK(file.load({.file = "", .environment = {}, .sets = {"custody.commit_interval_ms=1001"}}).problems ==
        Lines{"--set custody.commit_interval_ms: `custody.commit_interval_ms` must be from 1 to 1000, not 1001"});
  CHECK(file.load({.file = "", .environment = {}, .sets = {"vehicles.identity_vin=yes"}}).problems ==
        Lines{"--set vehicles.identity_vin: `vehicles.identity_vin` must be true or false"});
  CHECK(file.load({.file = "", .environment = {}, .sets = {"custody.ratio=nan"}}).problems ==
        Lines{"--set custody.ratio: `custody.ratio` must be a number"});
}

TEST_CASE("config: each [[acl]] follows its own rows, in the order of the file") {
  const File file(
      "[edge]\nname = \"e\"\n[[acl]]\nservice = \"backend\"\n[[acl]]\nservice = \"viewer\"\npublish = []\nordinary = "
      "false\n");
  const auto loaded = file.load();
  REQUIRE(loaded.config);
  const auto& acl = loaded.config->entries("acl");
  REQUIRE(acl.size() == 2);
  CHECK(acl[0].text("service") == "backend");
  CHECK(acl[0].list("publish") == Lines{"request"});
  CHECK(acl[0].boolean("ordinary"));
  CHECK(acl[1].text("service") == "viewer");
  CHECK(acl[1].list("publish").empty());
  CHECK_FALSE(acl[1].boolean("ordinary"));
  CHECK(acl[1].value("service").source == file.path() + ":6");
}

TEST_CASE("config: a list entry with a problem names its own line") {
  CHECK(File("[edge]\nname = \"e\"\n[[acl]]\npublish = [\"x\"]\n[[acl]]\nservice = 1\nordnary = true\n")
            .load()
            .problems == Lines{"edge.toml:3: [[acl]] needs `service`", "edge.toml:6: `service` must be a text",
                               "edge.toml:7: `ordnary` is not a setting; did you mean `ordinary`?"});
  CHECK(File("[edge]\nname = \"e\"\n[[alc]]\nservice = \"s\"\n").load().problems ==
        Lines{"edge.toml:3: `alc` is not a list; did you mean `acl`?"});
  CHECK(File("[edge]\nname = \"e\"\n[acl]\nservice = \"s\"\n").load().problems ==
        Lines{"edge.toml:3: `acl` is a list: write [[acl]]"});
}

TEST_CASE("config: what effective prints is a file that gives the same values") {
  const File file(
      "[edge]\nname = \"a \\\"b\\\" \\\\ c\"\n[log]\nfields = [\"x\", \"y z\"]\n[[acl]]\nservice = \"s\"\n");
  const auto loaded = file.load({.file = "", .environment = {}, .sets = {"custody.ratio=0.25"}});
  REQUIRE(loaded.config);
  const std::string text = effective(kTable, *loaded.config);
  CHECK(text.find("commit_interval_ms = 5  # default\n") != std::string::npos);
  CHECK(text.find("ratio = 0.25  # command line\n") != std::string::npos);
  CHECK(text.find("# " + file.path() + ":2\n") != std::string::npos);
  const auto again = File(text).load();
  REQUIRE(again.config);
  for (const auto& [key, value] : loaded.config->values) {
    CAPTURE(key);
    CHECK(again.config->value(key).text == value.text);
    CHECK(again.config->value(key).items == value.items);
  }
  CHECK(again.config->entries("acl").at(0).text("service") == "s");
}

TEST_CASE("config: the documentation names every setting of the table") {
  const std::string text = markdown(kTable);
  for (const Row& row : kRows) CHECK(text.find(row.sentence) != std::string::npos);
  CHECK(text.find(
            "| `commit_interval_ms` | an integer | `5` | 1 to 1000 | restart | Longest wait of a group commit. |") !=
        std::string::npos);
  CHECK(text.find("| `name` | a text | required |  | restart | Name of this edge. |") != std::string::npos);
  CHECK(text.find("| `format` | a text | `\"text\"` | `text`, `json` | restart | Format. |") != std::string::npos);
  CHECK(text.find("### `[[acl]]`") != std::string::npos);
}

TEST_CASE("config: the nearest word is at most three edits away and shares something") {
  const std::vector<std::string_view> words = {"custody", "vehicles", "log"};
  CHECK(nearest("custdy", words) == "custody");
  CHECK(nearest("vehicle", words) == "vehicles");
  CHECK(nearest("budgets", words).empty());
  CHECK(nearest("xyz", words).empty());
  CHECK(nearest(std::string(100000, 'a'), words).empty());
}

}  // namespace
}  // namespace wayside::config
