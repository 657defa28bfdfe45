#include "common/types.h"

#include <catch2/catch_test_macros.hpp>
#include <set>

#include "common/reasons.h"

namespace wayside {
namespace {

TEST_CASE("types: hex, uuids and lanes read back as they were written, and nothing else is read") {
  Bytes bytes;
  REQUIRE(from_hex("00ff10", bytes));
  CHECK(to_hex(bytes) == "00ff10");
  for (const char* bad : {"0", "0g", "FF", " 0"}) CHECK_FALSE(from_hex(bad, bytes));
  CHECK(to_hex(bytes) == "00ff10");

  SpoolUuid uuid;
  const std::string text = "00010203-0405-4607-8809-0a0b0c0d0e0f";
  REQUIRE(parse_spool_uuid(text, uuid));
  CHECK(to_string(uuid) == text);
  for (const char* bad : {"", "00010203-0405-4607-8809-0a0b0c0d0e0", "00010203x0405-4607-8809-0a0b0c0d0e0f",
                          "00010203-0405-4607-8809-0a0b0c0d0e-f", "0001020304054607880900a0b0c0d0e0f000"}) {
    CHECK_FALSE(parse_spool_uuid(bad, uuid));
  }
  CHECK(wayside_id(uuid, Lane::state, {18}) == text + "/state/18");

  for (const Lane lane : kAllLanes) {
    Lane back{};
    REQUIRE(parse_lane(to_string(lane), back));
    CHECK(back == lane);
  }
  Lane lane = Lane::ack;
  CHECK_FALSE(parse_lane("State", lane));
  CHECK(lane == Lane::ack);
}

TEST_CASE("reasons: every code is one word of its own, with one sentence and a status that fits") {
  std::set<std::string_view> codes;
  for (std::size_t i = 0; i < reason_count(); ++i) {
    const ReasonInfo& row = reason_at(i);
    CAPTURE(row.code);
    CHECK(codes.insert(row.code).second);
    CHECK(row.code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos);
    CHECK(parse_reason(row.code) == row.reason);
    CHECK(&info(row.reason) == &row);
    CHECK(row.sentence.ends_with('.'));
    CHECK((row.mqtt == 0 || row.mqtt >= 0x80));
    CHECK((row.http == 0 || row.http == 200 || (row.http >= 400 && row.http < 600)));
  }
  CHECK_FALSE(parse_reason("NO_SUCH_REASON"));
}

}  // namespace
}  // namespace wayside
