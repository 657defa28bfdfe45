#include "cli/volume.h"

#include "common/os/posix_disk.h"
#include "spool/lane.h"
#include "spool/settlement.h"
#include "spool/spool.h"

namespace wayside::cli {
namespace {

Result<fleet::LaneLedger> read_lane(Disk& disk, const spool::Volume& volume, Lane lane) {
  fleet::LaneLedger ledger;
  ledger.lane = to_string(lane);
  // Settled before synced: read the other way round, a lane in motion could seem settled beyond its head.
  const auto settled = spool::read_settled(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!settled) return settled.error();
  auto reader = spool::LaneReader::open(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!reader) return std::move(reader).error();
  ledger.received = (*reader)->synced().value;
  ledger.delivered = settled->totals.delivered;
  ledger.compacted = settled->totals.compacted;
  ledger.resent = settled->totals.resent;
  ledger.expired = settled->totals.expired;
  ledger.lost = settled->totals.lost;
  ledger.cohorts = spool::cohorts_checksum(settled->cohorts);
  ledger.pending = ledger.received - settled->next.value;
  return ledger;
}

}  // namespace

Result<fleet::VolumeLedger> read_volume(const std::string& root) {
  const auto disk = os::make_posix_disk();
  auto volume = spool::open_volume(*disk, root, spool::VolumeRole::reader, {});
  if (!volume) return std::move(volume).error();
  fleet::VolumeLedger ledger;
  ledger.uuid = to_string(volume->uuid);
  for (const auto lane : kAllLanes) {
    auto one = read_lane(*disk, *volume, lane);
    if (!one) return std::move(one).error().with(std::string("lane ") + to_string(lane));
    ledger.lanes.push_back(std::move(*one));
  }
  return ledger;
}

}  // namespace wayside::cli
