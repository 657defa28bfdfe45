#include "broker/spool_move.h"

#include "broker/config.h"
#include "common/log/log.h"
#include "common/os/system.h"
#include "schemas/record.h"
#include "spool/spool.h"

namespace wayside::broker {
namespace {

std::string cohort_of(ByteView body) {
  const Result<schemas::RecordView> record = schemas::decode_record(body);
  return record.ok() ? std::string(record->cohort) : std::string();
}

spool::MoveOptions options_of(const Clock& clock, const CustodyOptions& custody) {
  spool::MoveOptions options;
  options.fresh = os::random_uuid();
  options.branch = os::random_seed();
  options.segment_bytes_max = custody.segment_bytes_max;
  options.now = clock.wall();
  options.cohort_of = cohort_of;
  return options;
}

// The ledger of the old spool ends here: what it received is settled by the core up to `common`, and moved from there.
void report(Disk& disk, const std::string& root) {
  const auto volume = spool::open_volume(disk, root, spool::VolumeRole::reader, {});
  if (!volume.ok()) return;
  const auto moved = spool::load_moved(disk, root, volume->uuid);
  if (!moved.ok() || !moved->has_value()) return;
  for (const Lane lane : kAllLanes) {
    const spool::MovedLane& was = (*moved)->lanes[index_of(lane)];
    log::warning("spool_moved", {{"lane", to_string(lane)},
                                 {"from", to_string((*moved)->from)},
                                 {"to", to_string(volume->uuid)},
                                 {"received", std::to_string(was.head.value)},
                                 {"common", std::to_string(was.end.common.value)},
                                 {"exact", was.end.exact ? "yes" : "no"},
                                 {"moved", std::to_string(was.head - was.end.common)},
                                 {"core_next", std::to_string(was.end.core_next.value)}});
  }
}

}  // namespace

Result<void> finish_move(Disk& disk, const Clock& clock, const config::Config& config) {
  const CustodyOptions custody = custody_options(config);
  const auto outcome = spool::finish_move(disk, custody.spool_root, options_of(clock, custody));
  if (!outcome.ok()) return Error(outcome.error()).with("move of the spool");
  if (*outcome == spool::MoveOutcome::moved) report(disk, custody.spool_root);
  return {};
}

spool::MoveOutcome move_spool(Disk& disk, const Clock& clock, const config::Config& config) {
  const CustodyOptions custody = custody_options(config);
  const auto outcome = spool::move_spool(disk, custody.spool_root, options_of(clock, custody));
  if (!outcome.ok()) {
    log::error("spool_not_moved", {{"why", outcome.error().what}});
    return spool::MoveOutcome::waiting;
  }
  if (*outcome == spool::MoveOutcome::moved) report(disk, custody.spool_root);
  return *outcome;
}

}  // namespace wayside::broker
