#include "common/mqtt/bodies.h"
#include "common/mqtt/properties.h"
#include "common/mqtt/reasons_allowed.h"

namespace wayside::mqtt {

void read_disconnect(Reader& in, Version version, Role role, Disconnect& out) {
  const bool from_client = role == Role::server;
  if (version == Version::v5 && in.left() > 0) {
    out.reason = in.u8();
    if (!(from_client ? disconnect_reason_from_client(out.reason) : disconnect_reason_from_server(out.reason))) {
      return in.protocol_error("an unknown DISCONNECT reason");
    }
    const Block block = from_client ? Block::disconnect_from_client : Block::disconnect_from_server;
    if (in.left() > 0) read_properties(in, block, out.properties);
  }
  if (in.left() != 0) in.malformed("bytes behind the last field");
}

void read_auth(Reader& in, Role role, Auth& out) {
  constexpr std::uint8_t kSuccess = 0x00;
  constexpr std::uint8_t kContinue = 0x18;
  constexpr std::uint8_t kReauthenticate = 0x19;
  const std::uint8_t own = role == Role::server ? kReauthenticate : kSuccess;
  // 3.15.2.1: without a body the reason is Success, which only a server says.
  if (in.left() > 0) {
    out.reason = in.u8();
    read_properties(in, Block::auth, out.properties);
    if (in.ok() && !out.properties.authentication_method) in.protocol_error("AUTH without Authentication Method");
  }
  if (out.reason != own && out.reason != kContinue) return in.protocol_error("an unknown AUTH reason");
  if (in.left() != 0) in.malformed("bytes behind the last field");
}

}  // namespace wayside::mqtt
