// What the two ends of the link say to each other, from a hostile peer: decode must refuse or give something that
// keeps its promises, and what it gives is written and read again the same way.
//
// Input: u8 message · u8 way · the message itself (way even), or edits of an honest one: u16 place, u8 value (way odd).
#include <cstddef>
#include <cstdint>

#include "bridge/link/claim.h"
#include "bridge/link/messages.h"
#include "common/result.h"

namespace {

using namespace wayside;
using namespace wayside::bridge;

spool::Standing standing() {
  spool::Standing out;
  out.next = {30};
  out.digest.bytes.fill(7);
  out.totals = {10, 8, 3, 7, 5};
  out.cohorts["model-x"] = {9, 8, 3, 7, 5};
  out.cohorts["other"] = {1, 0, 0, 0, 0};
  return out;
}

link::Hello hello() {
  return {1, 1, "edge-1", "eu-1", {}, 5, "wayside-bridge 0", {{Lane::ack, {1}, {2}}, {Lane::bulk, {0}, {9}}}};
}

void hold(const link::Hello& hello) {
  WAYSIDE_ASSERT(!hello.edge.empty() && hello.edge.size() <= link::kNameBytesMax && hello.lanes.size() <= kLanes);
  for (const link::LaneHead& head : hello.lanes) WAYSIDE_ASSERT(head.settled <= head.synced);
}
void hold(const link::Next& next) {
  const spool::Standing& at = next.standing;
  WAYSIDE_ASSERT(at.totals.sum() == at.next.value && at.totals.resent <= at.totals.compacted);
  spool::Totals all;
  for (const auto& [name, totals] : at.cohorts) {
    WAYSIDE_ASSERT(!name.empty() && name.size() <= link::kNameBytesMax && totals.resent <= totals.compacted);
    WAYSIDE_ASSERT(totals.delivered <= at.totals.delivered && totals.lost <= at.totals.lost);
    all += totals;
  }
  WAYSIDE_ASSERT(at.cohorts.empty() || all == at.totals);
}
void hold(const link::Credit& credit) { WAYSIDE_ASSERT(index_of(credit.lane) < kLanes); }
void hold(const link::Rejected& rejected) { WAYSIDE_ASSERT(!rejected.reason.empty()); }
void hold(const link::DownBatch& batch) {
  WAYSIDE_ASSERT(batch.items.size() <= link::kDownItemsMax);
  for (const link::DownItem& item : batch.items) WAYSIDE_ASSERT(!item.request.empty());
}
void hold(const link::DownAck& ack) { WAYSIDE_ASSERT(ack.answers.size() <= link::kDownItemsMax); }

template <typename Decode>
void check(ByteView bytes, Decode decode) {
  const auto first = decode(bytes);
  if (!first) return;
  hold(first.value());
  const Bytes written = link::encode(first.value());
  const auto second = decode(written);
  WAYSIDE_ASSERT(second.ok());
  WAYSIDE_ASSERT(link::encode(second.value()) == written);
}

Bytes honest(std::uint8_t message) {
  switch (message) {
    case 0: return link::encode(hello());
    case 1: return link::encode(link::Next{{}, 5, Lane::state, standing(), false});
    case 2: return link::encode(link::Credit{{}, 5, Lane::ack, 1U << 20U});
    case 3: return link::encode(link::Rejected{{}, 5, Lane::event, {7}, 3, "BATCH_MALFORMED"});
    case 4: return link::encode(link::DownBatch{5, {{1, {1, 2, 3}}, {2, {4}}}});
    default: return link::encode(link::DownAck{5, {{1, true, ""}, {2, false, "REVOKED"}}});
  }
}

Bytes edited(Bytes bytes, ByteView edits) {
  for (std::size_t i = 0; i + 3 <= edits.size(); i += 3) {
    bytes[(static_cast<std::size_t>(edits[i]) << 8U | edits[i + 1]) % bytes.size()] = edits[i + 2];
  }
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const auto message = static_cast<std::uint8_t>(data[0] % 7);
  const ByteView rest(data + 2, size - 2);
  const Bytes bytes = data[1] % 2 == 0 ? Bytes(rest.begin(), rest.end()) : edited(honest(message), rest);
  switch (message) {
    case 0: check(bytes, link::decode_hello); break;
    case 1: check(bytes, link::decode_next); break;
    case 2: check(bytes, link::decode_credit); break;
    case 3: check(bytes, link::decode_rejected); break;
    case 4: check(bytes, link::decode_down_batch); break;
    case 5: check(bytes, link::decode_down_ack); break;
    default: {
      batch::Limits limits;
      limits.raw_bytes_max = 1U << 20U;
      const auto claim = link::claim_of(bytes, limits);
      WAYSIDE_ASSERT(!claim || (claim->count > 0 && claim->count <= limits.records_max));
    }
  }
  return 0;
}
