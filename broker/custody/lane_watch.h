// What became of a lane's records: reads the settlement that `bridge edge` writes, frees segments below
// it, and keeps the lane's ledger and metrics.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "broker/custody/lane_ledger.h"
#include "broker/ports.h"
#include "common/clock.h"
#include "common/disk.h"
#include "common/metrics/metrics.h"
#include "spool/lane.h"

namespace wayside::broker {

// Owns     a reader of the lane (for the age of the oldest record) and the last ledger.
// Thread   tick: the lane's; ledger: any.
// Durable  -
// Limits   one read of the settlement (when its page moved, or shows less than its page) and at most one record a tick.
class LaneWatch {
 public:
  LaneWatch(Disk& disk, const Clock& clock, metrics::Registry& metrics, std::string lane_dir, SpoolUuid uuid,
            Lane lane);

  // Reads how far the lane is settled, releases segments below it, refreshes ledger and metrics.
  void tick(spool::LaneWriter& writer, bool writable);
  [[nodiscard]] LaneLedger ledger() const;
  // Records from here on stay though they are settled: who offers here would ask for them after a death.
  // Thread: any.
  void keep_from(Offset offset, Keeper keeper) {
    keep_from_.at(static_cast<std::size_t>(keeper)).store(offset.value, std::memory_order_release);
  }

 private:
  [[nodiscard]] bool settled_moved();
  void read_standing(LaneLedger& next);
  void release(spool::LaneWriter& writer, Offset settled);
  std::int64_t oldest_age_ms(const LaneLedger& next);
  void publish(const LaneLedger& next);
  void adopt(const char* outcome, std::uint64_t total);

  Disk& disk_;
  const Clock& clock_;
  metrics::Registry& metrics_;
  const std::string dir_;
  const SpoolUuid uuid_;
  const Lane lane_;
  std::unique_ptr<SharedWord> settled_page_;  // raised by `bridge edge` after each settlement
  std::optional<std::uint64_t> settled_seen_;
  std::unique_ptr<spool::LaneReader> reader_;
  Offset oldest_known_{};
  WallMs oldest_time_{};
  bool standing_failed_ = false;
  bool release_failed_ = false;
  // By keeper. Nothing of the ack lane goes before the command thread has spoken.
  std::array<std::atomic<std::uint64_t>, kKeepers> keep_from_;

  mutable std::mutex mutex_;
  LaneLedger ledger_;
};

}  // namespace wayside::broker
