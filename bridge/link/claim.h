// What a batch says of itself, read alone so that a batch whose columns do not decode can still be refused by
// its range: REJECTED, a dead letter, settled as lost, and the lane goes on.
#pragma once

#include "bridge/batch/batch.h"

namespace wayside::bridge::link {

// More than any edge puts into a batch, whatever this core takes.
inline constexpr std::uint64_t kClaimRecordsMax = 100'000;

struct BatchClaim {
  SpoolUuid uuid;
  std::uint64_t session = 0;
  Lane lane{};
  Offset first{};
  std::uint64_t count = 0;  // 1 .. kClaimRecordsMax
  Digest before{};
  Digest after{};
  std::uint64_t framed_bytes = 0;
};

// BATCH_MALFORMED or BATCH_TOO_LARGE: not even that can be read. Of a batch larger than the limits it can.
Outcome<BatchClaim> claim_of(ByteView message, const batch::Limits& limits);

}  // namespace wayside::bridge::link
