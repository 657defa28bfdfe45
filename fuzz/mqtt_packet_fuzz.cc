// Any bytes, as either version, at either end: the decoder stays inside them, and what it understood can be
// written again and is then understood the same way.
#include "common/mqtt/codec.h"
#include "common/result.h"

namespace {

using namespace wayside;
using namespace wayside::mqtt;

constexpr std::size_t kPacketBytesMax = 1U << 20U;

// CONNECT names its own version; everything else is of the connection's.
Version version_of(const Packet& packet, Version connection) {
  const auto* connect = std::get_if<Connect>(&packet);
  return connect != nullptr ? connect->version : connection;
}

void check_again(const Packet& packet, Version version, Role role) {
  Bytes written;
  encode(packet, version_of(packet, version), written);
  const Decoded second = decode(written, version, role, written.size());
  WAYSIDE_ASSERT(second.status == DecodeStatus::complete);
  WAYSIDE_ASSERT(second.consumed == written.size());
  Bytes again;
  encode(second.packet, version_of(second.packet, version), again);
  WAYSIDE_ASSERT(again == written);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Version version = (data[0] & 1U) != 0 ? Version::v5 : Version::v311;
  const Role role = (data[0] & 2U) != 0 ? Role::server : Role::client;
  const ByteView bytes(data + 1, size - 1);
  const Decoded decoded = decode(bytes, version, role, kPacketBytesMax);
  if (decoded.status != DecodeStatus::complete) {
    WAYSIDE_ASSERT(decoded.consumed == 0);
    return 0;
  }
  WAYSIDE_ASSERT(decoded.consumed > 0 && decoded.consumed <= bytes.size());
  check_again(decoded.packet, version, role);
  return 0;
}
