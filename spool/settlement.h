// Settlement: how far a lane is done with, and what became of every offset below that (design section 5).
//
// Owns     <spool>/<lane>/settlement.log and its mapped page `settled`.
// Thread   one writer, in `bridge edge` (or `adopt`); any process may read totals through read_settled.
// Durable  settle() has synced when it returns ok; only then is the mapped page raised.
// Limits   the log is rewritten (new file, fsync, rename, fsync dir) at kSettlementLogBytesMax.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::spool {

// Outcomes since offset 0. delivered + compacted + expired + lost = the offset they stand at.
struct Totals {
  std::uint64_t delivered = 0;
  std::uint64_t compacted = 0;  // of it `resent`
  std::uint64_t resent = 0;     // sub-count of compacted: a source id seen before
  std::uint64_t expired = 0;
  std::uint64_t lost = 0;
  auto operator<=>(const Totals&) const = default;
  Totals& operator+=(const Totals& other);
  [[nodiscard]] std::uint64_t sum() const { return delivered + compacted + expired + lost; }
};

// The outcomes of everything below `next`, and of nothing else; resent within compacted. No sum that wraps passes.
bool adds_up(const Totals& totals, Offset next);

// Sorted by name: no order may come from a hash. At most cohorts_max + 1 entries ("other").
using CohortTotals = std::map<std::string, Totals>;

// One number of all names and totals: two accounts by cohort are equal when it is. 0 of an empty one.
std::uint32_t cohorts_checksum(const CohortTotals& cohorts);

// Where a lane stands: next unsettled offset, chain digest before it, running totals.
struct Standing {
  Offset next{};
  Digest digest{};
  Totals totals;
  CohortTotals cohorts;
};

inline constexpr std::uint64_t kSettlementLogBytesMax = 1U << 20U;

class SettlementLog {
 public:
  // Creates the log where there is none. Recovers the last intact entry; a torn tail is truncated.
  static Result<std::unique_ptr<SettlementLog>> open(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid,
                                                     Lane lane);
  virtual ~SettlementLog() = default;

  // Adopts the core's standing. next must not fall; totals.sum() must equal next.value. Synced on return.
  virtual Result<void> settle(const Standing& standing) = 0;
  // Whether the file still ends with the standing, as who reads it sees it. Where it does not, whatever became of it
  // since it was written, it is written again: true. Synced on return.
  virtual Result<bool> mend() = 0;
  [[nodiscard]] virtual const Standing& standing() const = 0;
};

// The last durable standing, read without owning the log (broker retention, CLI). A lane that never
// settled reads as all zero.
Result<Standing> read_settled(Disk& disk, const std::string& lane_dir, const SpoolUuid& uuid, Lane lane);

}  // namespace wayside::spool
