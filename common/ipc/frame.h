// Frames on the Unix socket between `bridge edge` and `wayside-broker` (the way down, design section 3).
//
//   u32 length (LE, of what follows, <= kFrameBytesMax) · u8 version (1) · u8 type · body
//   request (1): u64 sequence · request bytes (intent and grant in their signed framing)
//   answer  (2): u64 sequence · u8 accepted (0, 1) · u8 length, reason code
//   hello   (3): 16 bytes spool uuid · u8 length, edge name · u8 length, region   (broker → bridge, first)
//
// The content is untrusted on both sides: a frame that does not parse ends the connection, is counted,
// and loses nothing (the core resends what was not answered).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "common/types.h"

namespace wayside::ipc {

inline constexpr std::size_t kFrameBytesMax = 1U << 20U;

struct Request {
  std::uint64_t sequence = 0;
  Bytes bytes;
};
struct Answer {
  std::uint64_t sequence = 0;
  bool accepted = false;
  std::string reason;  // code of a refusal
};
struct Hello {
  SpoolUuid uuid;
  std::string edge;
  std::string region;
};
using Frame = std::variant<Request, Answer, Hello>;

enum class FrameStatus : std::uint8_t { complete, need_more, malformed };
struct DecodedFrame {
  FrameStatus status = FrameStatus::need_more;
  Frame frame;
  std::size_t consumed = 0;
};

DecodedFrame decode_frame(ByteView bytes);
void encode_frame(const Frame& frame, Bytes& out);  // appends

}  // namespace wayside::ipc
