// Which records go into a batch and what becomes of each: delivered, compacted, expired or lost.
#pragma once

#include <optional>
#include <vector>

#include "bridge/batch/batch.h"
#include "bridge/batch/record_rules.h"
#include "schemas/record.h"
#include "schemas/signal_batch.h"

namespace wayside::bridge::batch {

struct PlannedRecord {
  const spool::ReadRecord* read = nullptr;
  std::optional<schemas::RecordView> record;          // none: lost
  std::optional<schemas::SignalBatchValues> signals;  // of kind columns
  Outcome outcome = Outcome::deliver;
  Kind kind = Kind::bytes;
};

// As many of the records as fit the limits, at least one. Views point into `records`.
std::vector<PlannedRecord> plan(const std::vector<spool::ReadRecord>& records, const std::vector<Rule>& rules,
                                const Limits& limits, WallMs now);

}  // namespace wayside::bridge::batch
