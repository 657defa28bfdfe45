#include "cli/volume.h"

#include "cli/spool.h"
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
  return ledger;
}

}  // namespace wayside::cli
