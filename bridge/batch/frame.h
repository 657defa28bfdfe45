// The zstd frame around a batch.
#pragma once

#include "common/reasons.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::bridge::batch {

inline constexpr int kWindowLogMax = 20;

// One frame with its content size, window at most 2^kWindowLogMax.
Result<Bytes> compress(ByteView raw, int level);
// BATCH_MALFORMED: not exactly one such frame. BATCH_TOO_LARGE: it would unfold beyond `raw_bytes_max`;
// nothing is allocated then.
wayside::Outcome<Bytes> decompress(ByteView message, std::uint64_t raw_bytes_max);

// Size `bytes` would take in a frame; to compare packings, not to send.
std::size_t trial_size(ByteView bytes);

}  // namespace wayside::bridge::batch
