// Trust and revocation lists in the folder that the command thread watches.
#include <catch2/catch_test_macros.hpp>
#include <filesystem>

#include "tests/broker/support/desk_edge.h"
#include "tests/support/process.h"

namespace wayside::broker {
namespace {

using test::Ask;
using test::DeskEdge;

}  // namespace

TEST_CASE("CommandDesk: a revocation list in the watched folder cancels and is kept over a restart") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  CHECK(edge.next_states(2) == "ACCEPTED QUEUED");
  edge.put_list("revoked.wsl", edge.authority.revocation(2, 7));
  CHECK(edge.next_states(1) == "CANCELLED");
  CHECK(edge.ask(Ask{.id = 2}) == "GRANT_REVOKED");
  // An older list in its place, and a restart, change nothing.
  edge.put_list("revoked.wsl", edge.authority.revocation(1, 0));
  edge.restart_desk();
  CHECK(edge.ask(Ask{.id = 2}) == "GRANT_REVOKED");
}

TEST_CASE("CommandDesk: a list that cannot be used is counted until it is good or gone, an older one is none") {
  const test::TempDir dir("desk");
  DeskEdge edge(dir);
  metrics::Gauge& failing =
      edge.metrics->gauge("wayside_command_lists_failing",
                          "Files of commands.trust_dir that cannot be used; the lists accepted before are in force.");
  const auto becomes = [&](double value) { return test::wait_until([&] { return failing.value() == value; }, 3'000); };
  edge.put_list("0.wsl", edge.authority.trust_list());  // the same number once more
  edge.put_list("2.wsl", {});
  edge.put_list("3.wsl", Bytes{'n', 'o', ' ', 'l', 'i', 's', 't'});
  CHECK(becomes(2));
  CHECK(edge.ask(Ask{}) == "ACCEPTED");
  edge.put_list("2.wsl", edge.authority.trust_list());
  CHECK(becomes(1));
  std::filesystem::remove(dir / "trust/3.wsl");
  CHECK(becomes(0));
  std::filesystem::rename(dir / "trust", dir / "away");
  CHECK(becomes(1));
  std::filesystem::rename(dir / "away", dir / "trust");
  CHECK(becomes(0));
}

TEST_CASE("CommandDesk: a start with lists in any order knows them all") {
  const test::TempDir dir("desk");
  {
    const test::Authority authority;
    dir.write("trust/0-revoked.wsl", std::string(as_text(authority.revocation(1, 7))));
  }
  DeskEdge edge(dir);
  CHECK(edge.ask(Ask{.serial = 7}) == "GRANT_REVOKED");
  CHECK(edge.ask(Ask{.id = 2, .serial = 8}) == "ACCEPTED");
}

}  // namespace wayside::broker
