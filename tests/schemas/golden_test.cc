// Bytes that the first release wrote. Any later release must read them with the same meaning.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "schemas/gen/command_generated.h"
#include "schemas/messages.h"

namespace wayside::schemas {
namespace {

Bytes golden(const std::string& name) {
  std::ifstream in(std::string(WAYSIDE_SOURCE_DIR) + "/tests/schemas/golden/" + name + ".hex");
  std::string hex;
  in >> hex;
  Bytes bytes;
  REQUIRE(from_hex(hex, bytes));
  REQUIRE_FALSE(bytes.empty());
  return bytes;
}

constexpr WallMs kTime{1'637'291'564'120};
constexpr CommandIdBytes kId = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                0x88, 0x99, 0xAA, 0xBB, 0xCC, 0xDD, 0xEE, 0xFF};

}  // namespace

TEST_CASE("the golden SignalBatch reads with every type and every bit") {
  const auto batch = parse_signal_batch(golden("signal_batch"));
  REQUIRE(batch.ok());
  CHECK(batch->sequence == 42);
  CHECK(batch->catalogue == "vss-6.0");
  REQUIRE(batch->signals.size() == 6);
  CHECK(batch->signals[0].path == "Vehicle.Speed");
  CHECK(batch->signals[0].t == kTime);
  CHECK(std::bit_cast<std::uint64_t>(std::get<double>(batch->signals[0].value)) == 0x8000'0000'0000'0000ULL);
  CHECK(std::get<std::int64_t>(batch->signals[1].value) == -7);
  CHECK(std::get<std::uint64_t>(batch->signals[2].value) == UINT64_MAX);
  CHECK(std::get<float>(batch->signals[3].value) == 0.1F);
  CHECK(std::get<bool>(batch->signals[4].value));
  CHECK(std::get<std::string>(batch->signals[5].value) == "caf\xC3\xA9");
}

TEST_CASE("the golden messages of vehicles, gate and core read with their values") {
  const auto event = parse_event(golden("event"));
  REQUIRE(event.ok());
  CHECK(event->sequence == 43);
  CHECK(event->name == "door-open");
  CHECK(event->severity == 1);
  CHECK(event->signals.size() == 1);
  const auto ack = parse_command_ack(golden("command_ack"));
  REQUIRE(ack.ok());
  CHECK(ack->command_id == kId);
  CHECK(ack->state == CommandState::SUCCEEDED);
  CHECK(ack->t == kTime);
  const auto status = parse_command_status(golden("command_status"));
  REQUIRE(status.ok());
  CHECK(status->command_id == kId);
  CHECK(status->version == 3);
  CHECK(status->state == CommandState::UNKNOWN_OUTCOME);
  CHECK(status->edge == "edge-1");
  const auto presence = parse_presence(golden("presence"));
  REQUIRE(presence.ok());
  CHECK(presence->online);
  CHECK(presence->epoch == 1'637'291'564'121);
  const auto answer = parse_answer(golden("answer"));
  REQUIRE(answer.ok());
  CHECK(answer->outcome == "REFUSED");
  CHECK(answer->reason == "GRANT_EXPIRED");
}

}  // namespace wayside::schemas
