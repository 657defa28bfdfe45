#include "tests/crash/account.h"

#include <cstdlib>

#include "bridge/core/core_log.h"
#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "spool/lane.h"
#include "spool/spool.h"

namespace wayside::test {
namespace {

Result<spool::Volume> edge_volume(Disk& disk, const fleet::RegionPaths& paths) {
  return spool::open_volume(disk, paths.edge_state() + "/spool", spool::VolumeRole::reader, {});
}

struct LaneHeads {
  Offset synced{};
  spool::Standing settled;
};

Result<LaneHeads> heads_of(Disk& disk, const spool::Volume& volume, Lane lane) {
  auto reader = spool::LaneReader::open(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!reader) return std::move(reader).error();
  auto settled = spool::read_settled(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!settled) return std::move(settled).error();
  return LaneHeads{(*reader)->synced(), std::move(settled).value()};
}

bool equal(const spool::Standing& edge, const spool::Standing& core) {
  return edge.next == core.next && edge.digest == core.digest && edge.totals == core.totals &&
         edge.cohorts == core.cohorts;
}

}  // namespace

Result<bool> drained(const fleet::RegionPaths& paths) {
  auto disk = os::make_posix_disk();
  auto volume = edge_volume(*disk, paths);
  if (!volume) return std::move(volume).error();
  for (Lane lane : kAllLanes) {
    auto heads = heads_of(*disk, *volume, lane);
    if (!heads) return std::move(heads).error();
    if (heads->settled.next != heads->synced) return false;
  }
  return true;
}

Result<Account> account(const fleet::RegionPaths& paths, const fleet::VerifyReport& sink) {
  auto disk = os::make_posix_disk();
  auto volume = edge_volume(*disk, paths);
  if (!volume) return std::move(volume).error();
  bridge::core::CoreLogOptions options;
  options.root = paths.core_state() + "/corelog";
  std::vector<std::string> sentences;
  auto log = bridge::core::CoreLog::open(*disk, options, &sentences);
  if (!log) return std::move(log).error().with("core log");
  Account result;
  for (Lane lane : kAllLanes) {
    auto heads = heads_of(*disk, *volume, lane);
    if (!heads) return std::move(heads).error();
    const spool::Totals& totals = heads->settled.totals;
    result.resent += totals.resent;
    const auto found = sink.ids_by_lane.find(to_string(volume->uuid) + "/" + to_string(lane));
    const std::uint64_t in_sink = found == sink.ids_by_lane.end() ? 0 : found->second;
    const auto residual = static_cast<std::int64_t>(heads->synced.value) -
                          static_cast<std::int64_t>(in_sink + totals.compacted + totals.expired + totals.lost);
    if (residual != 0) {
      result.sentences.push_back(std::string(to_string(lane)) + ": received " + std::to_string(heads->synced.value) +
                                 ", in the sink " + std::to_string(in_sink));
    }
    result.residual += std::abs(residual);
    if (!equal(heads->settled, (*log)->durable().of(volume->uuid, lane))) {
      result.ledgers_equal = false;
      result.sentences.push_back(std::string(to_string(lane)) + ": the ledgers of edge and core differ");
    }
  }
  return result;
}

}  // namespace wayside::test
