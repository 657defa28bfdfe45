// What a publish on a custody row carries: payloads that claim to be ours are verified before they are
// taken; all others travel as bytes.
#pragma once

#include <string_view>

#include "common/mqtt/packet.h"
#include "common/reasons.h"
#include "common/topic/topic.h"

namespace wayside::broker::session {

inline constexpr std::size_t kAckPayloadBytesMax = 4U << 10U;
inline constexpr std::size_t kMidBytesMax = 64;

struct PayloadInfo {
  std::uint64_t sequence = 0;  // SignalBatch.sequence or Event.sequence; 0: none
  bool signal_batch = false;
  std::string_view mid;  // user property `mid`; views the packet
};

// Refusals: PAYLOAD_INVALID, PAYLOAD_TOO_LARGE, COMMAND_UNKNOWN (a command id that cannot be one).
Outcome<PayloadInfo> judge_payload(const topic::Parsed& parsed, const mqtt::Publish& packet);

}  // namespace wayside::broker::session
