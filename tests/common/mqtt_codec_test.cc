#include <catch2/catch_test_macros.hpp>

#include "common/mqtt/codec.h"

namespace wayside::mqtt {
namespace {

constexpr std::size_t kPacketBytesMax = 1U << 20U;

TEST_CASE("mqtt: a QoS 1 publish of MQTT 5 reads back as it was written") {
  Publish publish;
  publish.topic = "v1/WVWZZZ1JZXW000001/event/door";
  publish.payload = as_bytes("open");
  publish.qos = 1;
  publish.packet_id = 7;
  publish.properties.user.emplace_back("mid", "42");
  Bytes bytes;
  const std::size_t size = encode(publish, Version::v5, bytes);
  CHECK(size == bytes.size());
  const Decoded decoded = decode(bytes, Version::v5, Role::server, kPacketBytesMax);
  REQUIRE(decoded.status == DecodeStatus::complete);
  CHECK(decoded.consumed == bytes.size());
  const auto& back = std::get<Publish>(decoded.packet);
  CHECK(back.topic == publish.topic);
  CHECK(as_text(back.payload) == "open");
  CHECK(back.qos == 1);
  CHECK(back.packet_id == 7);
  REQUIRE(back.properties.user.size() == 1);
  CHECK(back.properties.user[0].second == "42");
}

TEST_CASE("mqtt: a packet cut anywhere needs more and names its size once the header is there") {
  Bytes bytes;
  encode(Publish{"a/b", as_bytes("0123456789"), 0, false, false, 0, {}}, Version::v311, bytes);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    const Decoded decoded = decode(ByteView(bytes).first(cut), Version::v311, Role::server, kPacketBytesMax);
    CHECK(decoded.status == DecodeStatus::need_more);
    CHECK(decoded.need == (cut < 2 ? 0 : bytes.size()));
  }
}

}  // namespace
}  // namespace wayside::mqtt
