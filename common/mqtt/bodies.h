// Decoders of the packets' bodies: everything after the fixed header. Internal to the codec.
#pragma once

#include "common/mqtt/reader.h"

namespace wayside::mqtt {

// CONNECT names its own version. Sets `level` and leaves `in` failed (unsupported) for another level.
struct ConnectRead {
  Connect packet;
  bool unsupported = false;
  std::uint8_t level = 0;
};
ConnectRead read_connect(Reader& in);
void read_connack(Reader& in, Version version, Connack& out);

void read_publish(Reader& in, Version version, std::uint8_t flags, Publish& out);
void read_ack(Reader& in, Version version, AckKind kind, Ack& out);

void read_subscribe(Reader& in, Version version, Subscribe& out);
void read_suback(Reader& in, Version version, Suback& out);
void read_unsubscribe(Reader& in, Version version, Unsubscribe& out);
void read_unsuback(Reader& in, Version version, Unsuback& out);

// `role` is the decoder's: the other end sent it, and some reasons belong to one end only.
void read_disconnect(Reader& in, Version version, Role role, Disconnect& out);
void read_auth(Reader& in, Role role, Auth& out);

}  // namespace wayside::mqtt
