#include "broker/custody/lane_watch.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "spool/segment_file.h"

namespace wayside::broker {
namespace {

constexpr std::uint64_t kKeepNothing = std::numeric_limits<std::uint64_t>::max();
constexpr const char* kLedgerHelp = "Records of the lane by what became of them, adopted from its settlement.";

// Says a fault once, and once more that it is over.
void say_change(bool& failed, bool fails_now, Lane lane, const char* event, const std::string& what) {
  if (failed == fails_now) return;
  failed = fails_now;
  if (fails_now) {
    log::warning(event, {{"lane", to_string(lane)}, {"why", what}});
  } else {
    log::info(event, {{"lane", to_string(lane)}, {"why", "works again"}});
  }
}

}  // namespace

LaneWatch::LaneWatch(Disk& disk, const Clock& clock, metrics::Registry& metrics, std::string lane_dir, SpoolUuid uuid,
                     Lane lane)
    : disk_(disk),
      clock_(clock),
      metrics_(metrics),
      dir_(std::move(lane_dir)),
      uuid_(uuid),
      lane_(lane),
      keep_from_{lane == Lane::ack ? 0 : kKeepNothing, kKeepNothing} {
  ledger_.lane = lane;
}

// The page says cheaply whether the log is worth reading. Without a page the log is read every time.
bool LaneWatch::settled_moved() {
  if (!settled_page_) {
    Result<std::unique_ptr<SharedWord>> page = disk_.map_word(dir_ + "/" + spool::kSettledPage, 0);
    if (!page.ok()) return true;
    settled_page_ = std::move(*page);
  }
  const std::uint64_t at = settled_page_->load();
  return std::exchange(settled_seen_, at) != at;
}

void LaneWatch::read_standing(LaneLedger& next) {
  if (!settled_moved()) return;
  Result<spool::Standing> standing = spool::read_settled(disk_, dir_, uuid_, lane_);
  say_change(standing_failed_, !standing.ok(), lane_, "settlement_unreadable",
             standing.ok() ? "" : standing.error().what);
  // Below its page the log is damaged: whoever settles writes it again, and the page does not move by that.
  if (!standing.ok() || standing->next.value < settled_seen_.value_or(0)) settled_seen_.reset();
  // A standing only rises; one read while it is being replaced may be older than the last.
  if (standing.ok() && standing->next >= next.settled.next) next.settled = std::move(*standing);
}

void LaneWatch::release(spool::LaneWriter& writer, Offset settled) {
  Offset below = settled;
  for (const auto& kept : keep_from_) below = std::min(below, Offset{kept.load(std::memory_order_acquire)});
  const Result<std::uint64_t> freed = writer.release_below(below);
  say_change(release_failed_, !freed.ok(), lane_, "segment_release_failed", freed.ok() ? "" : freed.error().what);
}

std::int64_t LaneWatch::oldest_age_ms(const LaneLedger& next) {
  if (next.pending() == 0) return 0;
  if (oldest_time_.value == 0 || oldest_known_ != next.settled.next) {
    if (!reader_) {
      Result<std::unique_ptr<spool::LaneReader>> reader = spool::LaneReader::open(disk_, dir_, uuid_, lane_);
      if (!reader.ok()) return 0;
      reader_ = std::move(*reader);
    }
    const Result<std::vector<spool::ReadRecord>> read = reader_->read(next.settled.next, 1, 1);
    if (!read.ok() || read->empty()) return 0;
    oldest_known_ = next.settled.next;
    oldest_time_ = read->front().time;
  }
  const std::int64_t age_ms = clock_.wall().value - oldest_time_.value;
  return age_ms > 0 ? age_ms : 0;
}

void LaneWatch::tick(spool::LaneWriter& writer, bool writable) {
  LaneLedger next = ledger();
  read_standing(next);
  release(writer, next.settled.next);
  next.synced = writer.synced();
  next.bytes = writer.bytes();
  next.writable = writable;
  next.received = 0;
  for (const auto& [cohort, count] : writer.received_by_cohort()) next.received += count;
  next.oldest_ms = oldest_age_ms(next);
  publish(next);
  const std::lock_guard lock(mutex_);
  ledger_ = std::move(next);
}

LaneLedger LaneWatch::ledger() const {
  const std::lock_guard lock(mutex_);
  return ledger_;
}

void LaneWatch::adopt(const char* outcome, std::uint64_t total) {
  metrics_.counter("wayside_ledger_records_total", kLedgerHelp, {{"lane", to_string(lane_)}, {"outcome", outcome}})
      .raise_to(total);
}

void LaneWatch::publish(const LaneLedger& next) {
  adopt("received", next.received);
  adopt("delivered", next.settled.totals.delivered);
  adopt("compacted", next.settled.totals.compacted);
  adopt("expired", next.settled.totals.expired);
  adopt("lost", next.settled.totals.lost);
  const metrics::Labels lane = {{"lane", to_string(lane_)}};
  metrics_.gauge("wayside_lane_pending_records", "Records of the lane that are not settled yet.", lane)
      .set(static_cast<double>(next.pending()));
  metrics_.gauge("wayside_lane_oldest_seconds", "Age of the oldest record that is not settled.", lane)
      .set(static_cast<double>(next.oldest_ms) / 1000.0);
  metrics_.gauge("wayside_lane_bytes", "Bytes of live segments of the lane.", lane)
      .set(static_cast<double>(next.bytes));
  metrics_
      .gauge("wayside_ledger_residual_records", "Received less everything accounted for; anything but 0 is a fault.",
             lane)
      .set(static_cast<double>(next.residual()));
}

}  // namespace wayside::broker
