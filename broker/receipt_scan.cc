#include "broker/receipt_scan.h"

#include <algorithm>

#include "common/log/log.h"
#include "schemas/record.h"
#include "spool/lane.h"

namespace wayside::broker {
namespace {

constexpr std::size_t kReadRecords = 512;
constexpr std::uint64_t kReadBytes = 1U << 20U;

using Met = std::function<void(const session::Receipt&)>;

void tell(const spool::ReadRecord& record, Lane lane, const Met& met) {
  const Result<schemas::RecordView> decoded = schemas::decode_record(record.body);
  if (!decoded.ok() || decoded->packet_id == 0) return;
  met({std::string(decoded->qos2_session), decoded->epoch, decoded->packet_id, lane, record.offset});
}

Result<Offset> scan(Disk& disk, const spool::Volume& volume, Lane lane, std::optional<Offset> from, const Met& met) {
  Result<std::unique_ptr<spool::LaneReader>> reader =
      spool::LaneReader::open(disk, volume.lane_dir(lane), volume.uuid, lane, spool::Reading::once);
  if (!reader.ok()) return std::move(reader).error();
  const Offset synced = (*reader)->synced();
  if (!from || *from >= synced) return synced;
  const Result<Offset> oldest = (*reader)->oldest();
  if (!oldest.ok()) return oldest.error();
  std::uint64_t lost = 0;
  for (Offset at = std::max(*from, *oldest); at < synced;) {
    const Result<std::vector<spool::ReadRecord>> records = (*reader)->read(at, kReadRecords, kReadBytes);
    if (!records.ok()) return records.error();
    if (records->empty()) break;
    for (const spool::ReadRecord& record : *records) {
      lost += record.lost ? 1 : 0;
      if (!record.lost) tell(record, lane, met);
    }
    at = records->back().offset + 1;
  }
  if (lost > 0) log::warning("receipts_lost", {{"lane", to_string(lane)}, {"records", std::to_string(lost)}});
  return synced;
}

}  // namespace

gate::ReceiptScan scan_of_receipts(Disk& disk, const spool::Volume& volume) {
  return [&disk, &volume](Lane lane, std::optional<Offset> from, const Met& met) {
    return scan(disk, volume, lane, from, met);
  };
}

}  // namespace wayside::broker
