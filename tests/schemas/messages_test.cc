#include "schemas/messages.h"

#include <catch2/catch_test_macros.hpp>

#include "schemas/gen/command_generated.h"

namespace wayside::schemas {
namespace {

constexpr CommandIdBytes kId = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
constexpr WallMs kTime{1'637'291'564'120};

CommandStatusMessage status() {
  return {kId, "WAYSDE00000000001", 3, CommandState::SENT, "", "unlock", "doors", kTime, kTime, "edge-1"};
}

}  // namespace

TEST_CASE("an Event comes back as it was built, and one out of range is refused") {
  EventMessage event{9, "door-open", kTime, 1, "left front", {{"Vehicle.Speed", kTime, -0.0}}};
  const auto parsed = parse_event(build_event(event));
  REQUIRE(parsed.ok());
  CHECK(parsed->sequence == 9);
  CHECK(parsed->name == "door-open");
  CHECK(parsed->t == kTime);
  CHECK(parsed->severity == 1);
  CHECK(parsed->text == "left front");
  REQUIRE(parsed->signals.size() == 1);
  CHECK(parsed->signals[0].path == "Vehicle.Speed");

  const auto refused = [](const EventMessage& bad) { return !parse_event(build_event(bad)).ok(); };
  EventMessage bad = event;
  bad.name = "a/b";
  CHECK(refused(bad));
  bad = event;
  bad.severity = 3;
  CHECK(refused(bad));
  bad = event;
  bad.text = std::string(kEventTextBytesMax + 1, 'x');
  CHECK(refused(bad));
  bad = event;
  bad.signals.resize(kEventSignalsMax + 1, event.signals[0]);
  CHECK(refused(bad));
}

TEST_CASE("a CommandAck speaks only the vehicle's words") {
  for (const auto state : EnumValuesCommandState()) {
    const bool vehicle_word = state == CommandState::RECEIVED || state == CommandState::SUCCEEDED ||
                              state == CommandState::FAILED || state == CommandState::REJECTED ||
                              state == CommandState::EXPIRED;
    const auto parsed = parse_command_ack(build_command_ack({kId, state, "OK_1", kTime}));
    CAPTURE(to_string(state));
    REQUIRE(parsed.ok() == vehicle_word);
    if (!vehicle_word) continue;
    CHECK(parsed->command_id == kId);
    CHECK(parsed->state == state);
    CHECK(parsed->reason == "OK_1");
    CHECK(parsed->t == kTime);
  }
  CHECK_FALSE(parse_command_ack(build_command_ack({kId, CommandState::FAILED, "no good", kTime})).ok());
  CHECK_FALSE(parse_command_ack(build_command_ack({kId, CommandState::FAILED, std::string(65, 'A'), kTime})).ok());
  CHECK_FALSE(parse_command_ack(build_command_ack({kId, static_cast<CommandState>(12), "", kTime})).ok());
}

TEST_CASE("a CommandStatus comes back as it was built, and one out of range is refused") {
  const auto parsed = parse_command_status(build_command_status(status()));
  REQUIRE(parsed.ok());
  CHECK(parsed->command_id == kId);
  CHECK(parsed->vehicle == "WAYSDE00000000001");
  CHECK(parsed->version == 3);
  CHECK(parsed->state == CommandState::SENT);
  CHECK(parsed->group == "unlock");
  CHECK(parsed->name == "doors");
  CHECK(parsed->deadline == kTime);
  CHECK(parsed->at == kTime);
  CHECK(parsed->edge == "edge-1");
  auto bad = status();
  bad.version = 0;
  CHECK_FALSE(parse_command_status(build_command_status(bad)).ok());
  bad = status();
  bad.state = CommandState::NONE;
  CHECK_FALSE(parse_command_status(build_command_status(bad)).ok());
  bad = status();
  bad.vehicle = "";
  CHECK_FALSE(parse_command_status(build_command_status(bad)).ok());
}

TEST_CASE("Presence and Answer come back as they were built") {
  const auto presence = parse_presence(build_presence({"V-1", true, 1'700'000'000'123, kTime, "edge-1", ""}));
  REQUIRE(presence.ok());
  CHECK(presence->vehicle == "V-1");
  CHECK(presence->online);
  CHECK(presence->epoch == 1'700'000'000'123);
  CHECK(presence->edge == "edge-1");
  const auto answer = parse_answer(build_answer({kId, "REFUSED", "GRANT_EXPIRED", "The grant has expired."}));
  REQUIRE(answer.ok());
  CHECK(answer->command_id == kId);
  CHECK(answer->reason == "GRANT_EXPIRED");
  CHECK_FALSE(parse_answer(build_answer({kId, "MAYBE", "", ""})).ok());
}

TEST_CASE("one format is never read as another") {
  const Bytes payload = build_command_status(status());
  CHECK(claimed_format(payload) == "WSCS");
  CHECK_FALSE(parse_event(payload).ok());
  CHECK_FALSE(parse_command_ack(payload).ok());
  CHECK_FALSE(parse_presence(payload).ok());
  CHECK(claimed_format(as_bytes(R"({"speed":12})")).empty());
  CHECK(claimed_format({}).empty());
}

TEST_CASE("states have names, and terminal ones are known") {
  for (const auto state : EnumValuesCommandState()) CHECK(parse_command_state(to_string(state)) == state);
  CHECK_FALSE(parse_command_state("sent").has_value());
  CHECK_FALSE(terminal(CommandState::RECEIVED));
  CHECK(terminal(CommandState::SUCCEEDED));
  CHECK(terminal(CommandState::UNKNOWN_OUTCOME));
}

}  // namespace wayside::schemas
