// wayside vehicle: the edge's answer as an operator reads it.
#include <catch2/catch_test_macros.hpp>

#include "cli/status/vehicle_screen.h"
#include "tests/support/process.h"

namespace wayside::cli {
namespace {

const std::string kOnline =
    R"({"ok":true,"vehicle":"WVWZZZ1JZXW000001","edge":"edge-1","region":"eu",)"
    R"("at_ms":1764043200000,"online":true,"blocked":false,"connection":{"since_ms":1764043020000,)"
    R"("from":"203.0.113.7:40001","mqtt":"5","tls":"TLSv1.3","resumed":true,"keep_alive_s":60,)"
    R"("cohort":"model-x","certificate":{"serial":"0A1B","issuer":"CN=vehicles","not_after_ms":)"
    R"(1764129600000},"subscriptions":2,"unanswered":1,"parked":0,"inflight":1,"queued":3},)"
    R"("sessions_answer":true,"session":{"epoch":1,"expiry_s":3600,"kept":true,"ended_ms":null,)"
    R"("expires_ms":null,"subscriptions":2},"commands_answer":true,"commands":[{"id":"abc",)"
    R"("state":"SENT","reason":"","group":"climate","name":"start","accepted_ms":1764043190000,)"
    R"("deadline_ms":1764043220000,"written":true}],"refusals":[{"stage":"publish",)"
    R"("reason":"NOT_AUTHORIZED","sentence":"No row.","count":7,"first_ms":1764043100000,)"
    R"("last_ms":1764043140000,"from":"203.0.113.7:39000"}]})";

std::string text_of(const std::string& reply) {
  const auto text = vehicle_text(reply);
  REQUIRE(text.ok());
  return *text;
}
bool says(const std::string& text, const std::string& words) {
  UNSCOPED_INFO(text);
  return text.find(words) != std::string::npos;
}
std::string swapped(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("vehicle: where it is, by which certificate, what waits and what was refused, each with its time") {
  CHECK(
      text_of(kOnline) ==
      "WVWZZZ1JZXW000001 at edge edge-1 (eu)\n"
      "ONLINE    since 2025-11-25 03:57:00Z (3:00), from 203.0.113.7:40001, MQTT 5, TLSv1.3 resumed, keep alive 60 s\n"
      "PROVEN    certificate 0A1B of CN=vehicles, not after 2025-11-26 04:00:00Z (in 24 h 0 m), cohort model-x\n"
      "SESSION   expires 1 h 0 m after its end, 2 subscriptions; to it 1 inflight, 3 queued; of it 1 unanswered, 0 "
      "parked\n"
      "COMMANDS  1 open\n"
      "  abc  climate start  SENT, written  deadline 2025-11-25 04:00:20Z (in 20 s)\n"
      "REFUSED   the newest first\n"
      "  2025-11-25 03:59:00Z (1:00 ago)  publish NOT_AUTHORIZED, 7 since 2025-11-25 03:58:20Z, from "
      "203.0.113.7:39000: No row.\n");
}

TEST_CASE("vehicle: one that is offline, blocked or only half known says so") {
  const std::string offline =
      R"({"ok":true,"vehicle":"A","edge":"e","region":"eu","at_ms":1764043200000,"online":false,"blocked":true,)"
      R"("connection":null,"sessions_answer":true,"session":{"epoch":1,"expiry_s":3600,"kept":true,"ended_ms":)"
      R"(1764043080000,"expires_ms":1764046680000,"subscriptions":1},"commands_answer":false,"commands":[],)"
      R"("refusals":[]})";
  const std::string text = text_of(offline);
  CHECK(says(text, "A at edge e (eu), BLOCKED by an operator\n"));
  CHECK(says(text, "OFFLINE   since 2025-11-25 03:58:00Z (2:00)\n"));
  CHECK(says(text, "SESSION   expires 2025-11-25 04:58:00Z (in 58:00), 1 subscriptions\n"));
  CHECK(says(text, "COMMANDS  unknown"));
  CHECK(says(text, "REFUSED   nothing that is remembered\n"));
  CHECK(
      says(text_of(swapped(offline, R"("sessions_answer":true)", R"("sessions_answer":false)")), "SESSION   unknown"));
  CHECK(says(text_of(swapped(offline, R"("kept":true)", R"("kept":false)")), "SESSION   none is kept\n"));
}

TEST_CASE("vehicle: nothing that a peer chose reaches the terminal as a control character") {
  std::string evil = swapped(kOnline, "CN=vehicles", R"(CN=\u001b]0;pwned\u0007\u009b2J)");
  evil = swapped(evil, R"("name":"start")", R"("name":"\u001b[2J\nONLINE")");
  const std::string text = text_of(evil);
  for (const char c : text) CHECK(((c >= 0x20 && c < 0x7F) || c == '\n'));
  CHECK(says(text, R"(\x1b[2J\x0aONLINE)"));
}

TEST_CASE("vehicle: an answer that is none is refused, one with other members is read as far as it goes") {
  for (const char* none : {"", "[]", "{}", R"({"ok":true})", R"({"ok":false,"vehicle":"A"})",
                           R"({"ok":1,"vehicle":"A"})", R"({"ok":true,"vehicle":7})"}) {
    INFO(none);
    CHECK_FALSE(vehicle_text(none).ok());
  }
  CHECK(says(text_of(R"({"ok":true,"vehicle":"A","commands":{},"connection":7,"online":"yes"})"), "OFFLINE"));
}

TEST_CASE("vehicle: usage is told with the nearest word, and a socket that is not there is unreachable") {
  const auto wayside = [](std::vector<std::string> args) {
    args.insert(args.begin(), {std::string(WAYSIDE_BIN_DIR) + "/wayside", "vehicle"});
    return test::run(args);
  };
  const auto near = wayside({"blok", "A"});
  CHECK(near.exit_code == 2);
  CHECK(says(near.output, "Did you mean 'block'?"));
  CHECK(wayside({"A B", "--admin", "/nowhere/admin.sock"}).exit_code == 2);
  CHECK(wayside({"A"}).exit_code == 2);  // no socket is named
  for (const std::vector<std::string>& args : {std::vector<std::string>{"A", "--admin", "/nowhere/admin.sock"},
                                               {"--admin", "/nowhere/admin.sock", "A"},
                                               {"show", "A", "--json", "--admin", "/nowhere/admin.sock"},
                                               {"show", "show", "--admin", "/nowhere/admin.sock"}}) {
    const auto gone = wayside(args);
    CHECK(gone.exit_code == 3);
    CHECK(says(gone.output, "/nowhere/admin.sock"));
  }
}

}  // namespace wayside::cli
