#include "broker/commands/lane_scan.h"

#include <algorithm>

#include "spool/lane.h"

namespace wayside::broker {
namespace {
constexpr std::size_t kReadRecords = 512;
constexpr std::uint64_t kReadBytes = 1U << 20U;
}  // namespace

Result<ScanReport> scan_ack_lane(Disk& disk, const AckLane& lane, Offset from,
                                 const std::function<void(Scanned, Offset)>& met) {
  auto reader = spool::LaneReader::open(disk, lane.dir, lane.uuid, Lane::ack, spool::Reading::once);
  if (!reader) return std::move(reader).error().with("scan of the ack lane");
  const auto oldest = (*reader)->oldest();
  if (!oldest) return Error(oldest.error()).with("scan of the ack lane");
  ScanReport report;
  report.from = std::max(from, *oldest);
  report.to = (*reader)->synced();
  for (Offset at = report.from; at < report.to;) {
    auto records = (*reader)->read(at, kReadRecords, kReadBytes);
    if (!records) return std::move(records).error().with("scan of the ack lane");
    if (records->empty()) break;
    for (const spool::ReadRecord& record : *records) {
      if (record.lost) {
        ++report.lost;
      } else {
        met(read_ack_record(record.body, record.offset), record.offset);
      }
    }
    at = records->back().offset + 1;
  }
  return report;
}

}  // namespace wayside::broker
