// From the commit of a QoS 2 record to the word of it: first the session store must hold the identifier.
#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "broker/ports.h"
#include "broker/session/session_store.h"
#include "common/result.h"

namespace wayside::broker::gate {

// What the lane thread calls with the outcome of a record that the store was told to expect. It outlives the
// connection: who comes back finds the identifier. `tell` may run on the lane thread or the store's, and must only
// post.
inline std::function<void(const Committed&)> told_after_receipt(session::SessionStore& store, session::Receipt receipt,
                                                                std::function<void(Committed)> tell) {
  return [&store, receipt = std::move(receipt), tell = std::move(tell)](const Committed& committed) mutable {
    if (!committed.ok) {
      store.not_received(receipt.id, receipt.lane);
      return tell(committed);
    }
    receipt.offset = committed.offset;
    store.received(receipt, [tell, committed](Outcome<void> stored) {
      Committed answer = committed;
      answer.ok = stored.ok();
      if (!stored.ok()) answer.reason = stored.reason();
      tell(std::move(answer));
    });
  };
}

class SessionRows;

// Tells the QoS 2 records of a lane from `from` on, in order, and returns where the lane is synced. nullopt, or
// above that: nothing is to be told, the lane is not the one that was known.
using ReceiptScan = std::function<Result<Offset>(Lane lane, std::optional<Offset> from,
                                                 const std::function<void(const session::Receipt&)>& met)>;
// What a lane holds and the store does not know: the process died between the two commits.
Result<void> recover_receipts(SessionRows& rows, Lane lane, const ReceiptScan& scan);

}  // namespace wayside::broker::gate
