#include "cli/volume.h"

#include "cli/spool.h"
#include "spool/move.h"
#include "spool/segment_file.h"
#include "spool/settlement.h"

namespace wayside::cli {
namespace {

Result<fleet::LaneLedger> read_lane(SpoolView& view, Lane lane) {
  fleet::LaneLedger ledger;
  ledger.lane = to_string(lane);
  // Settled before synced: read the other way round, a lane in motion could seem settled beyond its head.
  const auto settled = spool::read_settled(view.disk(), view.lane_dir(lane), view.volume().uuid, lane);
  if (!settled) return settled.error();
  auto page = spool::SyncedPage::open(view.disk(), view.lane_dir(lane));
  if (!page) return std::move(page).error();
  ledger.received = page->load().value;
  ledger.delivered = settled->totals.delivered;
  ledger.compacted = settled->totals.compacted;
  ledger.resent = settled->totals.resent;
  ledger.expired = settled->totals.expired;
  ledger.lost = settled->totals.lost;
  ledger.cohorts = spool::cohorts_checksum(settled->cohorts);
  ledger.pending = ledger.received - settled->next.value;
  return ledger;
}

Result<void> read_moved(SpoolView& view, fleet::VolumeLedger& ledger) {
  const auto moved = spool::load_moved(view.disk(), view.volume().root, view.volume().uuid);
  if (!moved) return moved.error();
  if (!*moved) return {};
  ledger.moved_from = to_string((*moved)->from);
  for (const Lane lane : kAllLanes) {
    const spool::MovedLane& was = (*moved)->lanes[index_of(lane)];
    const std::uint64_t common = was.end.common.value;
    ledger.moved.push_back({to_string(lane), was.head.value, common, was.head.value - common, was.end.exact});
  }
  return {};
}

}  // namespace

Result<fleet::VolumeLedger> read_volume(const std::string& dir) {
  auto view = SpoolView::open(dir);
  if (!view) return std::move(view).error();
  if (view->volume().root == dir + "/corelog") return Error{Fault::not_found, "no spool at " + dir};
  fleet::VolumeLedger ledger;
  ledger.uuid = to_string(view->volume().uuid);
  for (const auto lane : kAllLanes) {
    auto one = read_lane(*view, lane);
    if (!one) return std::move(one).error().with(std::string("lane ") + to_string(lane));
    ledger.lanes.push_back(std::move(*one));
  }
  if (Result<void> read = read_moved(*view, ledger); !read) return std::move(read).error();
  return ledger;
}

}  // namespace wayside::cli
