// One entry of settlement.log: a whole standing, so that the last intact entry alone is enough.
#pragma once

#include <optional>

#include "spool/codec.h"
#include "spool/settlement.h"

namespace wayside::spool {

inline constexpr std::size_t kSettlementFixedBytes = 4 + 4 + 4 + 4 + 8 + 8 + 16 + 5 * 8;
inline constexpr std::size_t kSettlementBytesMax =
    kSettlementFixedBytes + (kCohortsMax + 1) * (1 + kCohortBytesMax + 5 * 8) + kSectorBytes;
static_assert(kSettlementBytesMax * 8 < kSettlementLogBytesMax, "the log holds several of the largest entries");

struct SettlementEntry {
  std::uint64_t sequence = 0;
  Standing standing;
  std::uint64_t bytes = 0;  // whole sectors
};

Bytes encode_settlement(const Identity& identity, std::uint64_t sequence, const Standing& standing);
// `bytes` begins at the entry; may be longer.
std::optional<SettlementEntry> decode_settlement(const Identity& identity, ByteView bytes);
// The intact entry with the highest sequence in a log; damaged sectors are stepped over.
std::optional<SettlementEntry> last_settlement(const Identity& identity, ByteView log);

}  // namespace wayside::spool
