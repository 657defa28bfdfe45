#include "broker/gate/receipt.h"

#include "broker/gate/session_rows.h"
#include "common/log/log.h"

namespace wayside::broker::gate {

Result<void> recover_receipts(SessionRows& rows, Lane lane, const ReceiptScan& scan) {
  Result<void> outcome = rows.begin();
  if (!outcome.ok()) return outcome;
  std::uint64_t found = 0;
  const Result<Offset> synced = scan(lane, rows.known_below(lane), [&](const session::Receipt& receipt) {
    rows.received(receipt, outcome);
    ++found;
  });
  if (!synced.ok()) outcome = synced.error();
  if (outcome.ok()) rows.set_known_below(lane, *synced, outcome);
  if (outcome.ok()) outcome = rows.commit();
  if (!outcome.ok()) rows.rollback();
  if (found > 0) log::info("receipts_recovered", {{"lane", to_string(lane)}, {"records", std::to_string(found)}});
  return outcome;
}

}  // namespace wayside::broker::gate
