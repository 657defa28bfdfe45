// The program as people and scripts see it: words, exit codes, files.
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <sstream>

#include "schemas/messages.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

using namespace wayside;

namespace {

test::Ran run_wayside(std::vector<std::string> args) {
  args.insert(args.begin(), std::string(WAYSIDE_BIN_DIR) + "/wayside");
  return test::run(args);
}

bool says(const test::Ran& ran, const std::string& text) { return ran.output.find(text) != std::string::npos; }

}  // namespace

TEST_CASE("an unknown command or option is usage, with the nearest match") {
  const auto command = run_wayside({"verfy"});
  CHECK(command.exit_code == 2);
  CHECK(says(command, "Did you mean 'verify'?"));
  const auto option = run_wayside({"verify", "--journal", "x", "--sink", "y"});
  CHECK(option.exit_code == 2);
  CHECK(says(option, "--journals"));
  const auto drill = run_wayside({"up", "--drill", "outtage"});
  CHECK(drill.exit_code == 2);
  CHECK(says(drill, "outage"));
}

TEST_CASE("every command explains itself with --help and exit 0") {
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"up"},
                                                {"send"},
                                                {"verify"},
                                                {"ledger"},
                                                {"decode"},
                                                {"pki"},
                                                {"pki", "init"},
                                                {"pki", "issue", "vehicle"},
                                                {"pki", "issue", "server"},
                                                {"pki", "revoke"},
                                                {"pki", "crl"},
                                                {"pki", "show"},
                                                {"grant", "key", "init"},
                                                {"grant", "trust"},
                                                {"grant", "issue"},
                                                {"grant", "revoke"},
                                                {"grant", "show"},
                                                {"issuer", "init"},
                                                {"vehicle"},
                                                {"vehicle", "show"},
                                                {"vehicle", "block"},
                                                {"vehicle", "unblock"},
                                                {"ready"},
                                                {"status"},
                                                {"top"},
                                                {"tail"},
                                                {"size"},
                                                {"support-bundle"},
                                                {"spool", "ls"},
                                                {"spool", "verify"},
                                                {"spool", "dump"},
                                                {"spool", "repair"}}) {
    auto args = words;
    args.emplace_back("--help");
    const auto ran = run_wayside(args);
    INFO(ran.output);
    CHECK(ran.exit_code == 0);
    CHECK(says(ran, "wayside"));
    CHECK(ran.output.find('\x1b') == std::string::npos);  // no colour where no terminal is
  }
}

TEST_CASE("every command that wayside names has its row in the document of the command line") {
  const std::string document = test::slurp(std::string(WAYSIDE_SOURCE_DIR) + "/docs/command-line.md");
  std::istringstream lines(run_wayside({"--help"}).output);
  std::size_t commands = 0;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("  ")) continue;
    const std::string name = line.substr(2, line.find(' ', 2) - 2);
    INFO(name);
    CHECK(document.find("`wayside " + name + "`") != std::string::npos);
    ++commands;
  }
  CHECK(commands >= 16);
}

TEST_CASE("a PKI is made, extended, revoked and shown; keys are 0600 and never overwritten") {
  test::TempDir dir;
  const auto pki = dir.path() + "/pki";
  REQUIRE(run_wayside({"pki", "init", pki, "--development"}).exit_code == 0);
  CHECK(run_wayside({"pki", "init", pki}).exit_code == 1);
  REQUIRE(run_wayside({"pki", "issue", "vehicle", pki, "WSYDEM00000000001", "--cohort", "demo"}).exit_code == 0);
  REQUIRE(run_wayside({"pki", "issue", "service", pki, "backend"}).exit_code == 0);
  REQUIRE(run_wayside({"pki", "issue", "edge", pki, "edge-1", "--host", "edge.example"}).exit_code == 0);
  REQUIRE(run_wayside({"pki", "issue", "core", pki, "core-1"}).exit_code == 0);
  REQUIRE(run_wayside({"pki", "revoke", pki, "vehicles/WSYDEM00000000001.crt"}).exit_code == 0);
  const auto shown = run_wayside({"pki", "show", pki});
  CHECK(shown.exit_code == 0);
  CHECK(says(shown, "REVOKED"));
  CHECK(says(shown, "edge.example"));
  CHECK(says(shown, "DEVELOPMENT"));
  for (const auto& entry : std::filesystem::recursive_directory_iterator(pki)) {
    if (entry.path().extension() != ".key") continue;
    struct stat status{};
    REQUIRE(stat(entry.path().c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
  }
}

TEST_CASE("grants: root and grant key, trust list 1, an issuer and its grant, in the order a person types them") {
  test::TempDir dir;
  const auto pki = dir.path() + "/pki";
  REQUIRE(run_wayside({"pki", "init", pki}).exit_code == 0);
  REQUIRE(run_wayside({"grant", "key", "init", pki}).exit_code == 0);
  CHECK(says(run_wayside({"grant", "trust", pki}), "trust list 1"));
  REQUIRE(run_wayside({"issuer", "init", pki, "backend"}).exit_code == 0);
  CHECK(run_wayside({"issuer", "init", pki, "backend"}).exit_code == 1);
  const auto grant = run_wayside(
      {"grant", "issue", pki, "backend", "--vehicle", "WSYDEM00000000001", "--group", "unlock", "--region", "demo"});
  CHECK(grant.exit_code == 0);
  CHECK(says(grant, "1 vehicles, 1 groups"));
  CHECK(says(run_wayside({"grant", "show", pki}), "trusted"));
  CHECK(says(run_wayside({"decode", pki + "/commands/grants/backend.wsg"}), "WSYDEM00000000001"));
}

TEST_CASE("decode prints a payload of ours as JSON and answers no to anything else") {
  test::TempDir dir;
  schemas::PresenceMessage presence;
  presence.vehicle = "WSYDEM00000000001";
  presence.online = true;
  presence.epoch = 7;
  presence.at = {1'700'000'000'000};
  presence.edge = "edge-1";
  const auto bytes = schemas::build_presence(presence);
  const auto file = dir.write("presence", std::string(as_text(bytes)));
  const auto ours = run_wayside({"decode", file});
  CHECK(ours.exit_code == 0);
  CHECK(says(ours, "\"ONLINE\""));
  CHECK(run_wayside({"decode", dir.write("other", "not ours at all")}).exit_code == 1);
  CHECK(run_wayside({"decode", dir.path() + "/nowhere"}).exit_code == 2);
}

TEST_CASE("a listener that is not there is unreachable, a folder without evidence is usage") {
  test::TempDir dir;
  CHECK(run_wayside({"vehicle", "block", "WSYDEM00000000001", "--admin", dir.path() + "/admin.sock"}).exit_code == 3);
  CHECK(run_wayside({"verify", "--journals", dir.path(), "--sink", dir.path()}).exit_code == 2);
  CHECK(run_wayside({"ledger", dir.path()}).exit_code == 2);
}
