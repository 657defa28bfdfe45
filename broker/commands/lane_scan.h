// Reads the ack lane after a start: which statuses are in it, and which words of vehicles.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "broker/commands/records.h"
#include "common/disk.h"
#include "common/result.h"

namespace wayside::broker {

struct AckLane {
  std::string dir;
  SpoolUuid uuid;
  std::optional<SpoolShift> moved{};  // the spool that this one goes on for
};

struct ScanReport {
  Offset from{};  // where it began: what was asked for, or the oldest still there
  Offset to{};
  std::uint64_t lost = 0;  // rotten records passed
};

// From `from` up to synced, in order.
Result<ScanReport> scan_ack_lane(Disk& disk, const AckLane& lane, Offset from,
                                 const std::function<void(Scanned, Offset)>& met);

}  // namespace wayside::broker
