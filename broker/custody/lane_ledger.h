// The ledger of one lane as the broker sees it (design section 5), as a value for admin and metrics.
#pragma once

#include <cstdint>

#include "common/types.h"
#include "spool/settlement.h"

namespace wayside::broker {

struct LaneLedger {
  Lane lane{};
  std::uint64_t received = 0;  // by cohort, summed: kept in the group headers
  Offset synced{};             // head of the lane
  spool::Standing settled;     // as `bridge edge` left it
  std::uint64_t bytes = 0;     // of live segments
  std::int64_t oldest_ms = 0;  // age of the oldest record that is not settled; 0: none
  bool writable = true;

  [[nodiscard]] std::uint64_t pending() const { return synced < settled.next ? 0 : synced - settled.next; }
  // received - (delivered + compacted + expired + lost + pending): two countings of the same thing, so 0.
  [[nodiscard]] std::int64_t residual() const {
    return static_cast<std::int64_t>(received) - static_cast<std::int64_t>(settled.totals.sum() + pending());
  }
};

}  // namespace wayside::broker
