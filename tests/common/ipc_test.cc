#include <catch2/catch_test_macros.hpp>

#include "common/ipc/frame.h"
#include "common/rng.h"

namespace wayside::ipc {
namespace {

Bytes encoded(const Frame& frame) {
  Bytes out;
  encode_frame(frame, out);
  return out;
}

SpoolUuid some_uuid() {
  SpoolUuid uuid;
  for (std::size_t i = 0; i < 16; ++i) uuid.bytes[i] = static_cast<std::uint8_t>(i);
  return uuid;
}

TEST_CASE("ipc: every frame reads back as it was written, one behind the other") {
  Bytes stream;
  encode_frame(Hello{some_uuid(), "edge-1", "eu"}, stream);
  const std::size_t first = stream.size();
  encode_frame(Request{7, {1, 2, 3}}, stream);
  encode_frame(Answer{7, false, "DEADLINE_PASSED"}, stream);
  encode_frame(Answer{8, true, ""}, stream);

  ByteView left = stream;
  DecodedFrame decoded = decode_frame(left);
  REQUIRE(decoded.status == FrameStatus::complete);
  CHECK(decoded.consumed == first);
  CHECK(std::get<Hello>(decoded.frame).uuid == some_uuid());
  CHECK(std::get<Hello>(decoded.frame).edge == "edge-1");
  CHECK(std::get<Hello>(decoded.frame).region == "eu");
  left = left.subspan(decoded.consumed);

  decoded = decode_frame(left);
  REQUIRE(decoded.status == FrameStatus::complete);
  CHECK(std::get<Request>(decoded.frame).sequence == 7);
  CHECK(std::get<Request>(decoded.frame).bytes == Bytes{1, 2, 3});
  left = left.subspan(decoded.consumed);

  decoded = decode_frame(left);
  REQUIRE(decoded.status == FrameStatus::complete);
  CHECK_FALSE(std::get<Answer>(decoded.frame).accepted);
  CHECK(std::get<Answer>(decoded.frame).reason == "DEADLINE_PASSED");
  left = left.subspan(decoded.consumed);

  decoded = decode_frame(left);
  REQUIRE(decoded.status == FrameStatus::complete);
  CHECK(std::get<Answer>(decoded.frame).accepted);
  CHECK(decoded.consumed == left.size());
}

TEST_CASE("ipc: a frame cut anywhere needs more") {
  const Bytes bytes = encoded(Answer{1, false, "LATE"});
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    CHECK(decode_frame(ByteView(bytes).first(cut)).status == FrameStatus::need_more);
  }
}

TEST_CASE("ipc: the largest frame passes, a length above the bound is malformed before its bytes arrive") {
  const Bytes largest = encoded(Request{1, Bytes(kFrameBytesMax - 10, 0x5A)});
  CHECK(decode_frame(largest).status == FrameStatus::complete);
  CHECK(decode_frame(Bytes{0x01, 0x00, 0x10, 0x00}).status == FrameStatus::malformed);
  CHECK(decode_frame(Bytes{0xFF, 0xFF, 0xFF, 0xFF}).status == FrameStatus::malformed);
  CHECK(decode_frame(Bytes{0x01, 0x00, 0x00, 0x00}).status == FrameStatus::malformed);
}

TEST_CASE("ipc: unknown versions and types, fields beyond the end and trailing bytes are malformed") {
  const Bytes answer = encoded(Answer{1, false, "LATE"});
  for (const std::size_t at : {std::size_t{4}, std::size_t{5}, std::size_t{14}, std::size_t{15}}) {
    Bytes bad = answer;
    bad[at] = 0x77;  // version, type, accepted, length of the reason
    CHECK(decode_frame(bad).status == FrameStatus::malformed);
  }
  Bytes trailing = answer;
  trailing.push_back(0);
  trailing[0] = static_cast<std::uint8_t>(trailing[0] + 1);
  CHECK(decode_frame(trailing).status == FrameStatus::malformed);
}

TEST_CASE("ipc: an answer that accepts with a reason, or refuses without one, is malformed") {
  CHECK(decode_frame(encoded(Answer{1, true, "LATE"})).status == FrameStatus::malformed);
  CHECK(decode_frame(encoded(Answer{1, false, ""})).status == FrameStatus::malformed);
  CHECK(decode_frame(encoded(Answer{1, false, "late\n"})).status == FrameStatus::malformed);
}

TEST_CASE("ipc: random bytes never make a frame longer than themselves") {
  const std::uint64_t seed = 20251119;
  CAPTURE(seed);
  SeededRng rng(seed);
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes(rng.below(64));
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(rng.next());
    if (bytes.size() > 5 && rng.below(2) == 0) {
      bytes[0] = static_cast<std::uint8_t>(bytes.size() - 4);
      bytes[1] = bytes[2] = bytes[3] = 0;
      bytes[4] = 1;
      bytes[5] = static_cast<std::uint8_t>(1 + rng.below(3));
    }
    const DecodedFrame decoded = decode_frame(bytes);
    if (decoded.status != FrameStatus::complete) continue;
    REQUIRE(decoded.consumed <= bytes.size());
    CHECK(encoded(decoded.frame) ==
          Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(decoded.consumed)));
  }
}

}  // namespace
}  // namespace wayside::ipc
