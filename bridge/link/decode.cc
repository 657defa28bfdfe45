#include "bridge/link/convert.h"
#include "bridge/link/messages.h"
#include "schemas/gen/credit_generated.h"
#include "schemas/gen/downack_generated.h"
#include "schemas/gen/downbatch_generated.h"
#include "schemas/gen/hello_generated.h"
#include "schemas/gen/next_generated.h"
#include "schemas/gen/rejected_generated.h"

namespace wayside::bridge::link {
namespace {

constexpr Reason kMalformed = Reason::LINK_MALFORMED;

// The aligned copy and the table inside it; null when the bytes do not verify. A vector's storage is
// aligned for every scalar that FlatBuffers reads.
template <typename Table>
struct Verified {
  Bytes copy;
  const Table* table = nullptr;
};

template <typename Table>
Verified<Table> verify(ByteView bytes, const char* identifier) {
  Verified<Table> out;
  if (bytes.size() > kMessageBytesMax || bytes.size() < 8) return out;
  out.copy.assign(bytes.begin(), bytes.end());
  flatbuffers::Verifier verifier(out.copy.data(), out.copy.size(), kVerifierDepth, kVerifierTables);
  if (verifier.VerifyBuffer<Table>(identifier)) out.table = flatbuffers::GetRoot<Table>(out.copy.data());
  return out;
}

bool name_fits(const flatbuffers::String* name, std::size_t min = 1) {
  return name != nullptr && name->size() >= min && name->size() <= kNameBytesMax;
}

bool within(const spool::Totals& part, const spool::Totals& whole) {
  return part.delivered <= whole.delivered && part.compacted <= whole.compacted && part.resent <= whole.resent &&
         part.expired <= whole.expired && part.lost <= whole.lost && part.resent <= part.compacted;
}

// They rise, from where the core may have settled what is not on the volume any more.
bool read_branches(const fb::LaneHead& in, LaneHead& out) {
  if (in.branches() == nullptr) return true;
  if (in.branches()->size() > kBranchesMax) return false;
  for (const fb::Branch* branch : *in.branches()) {
    const Offset at{branch->offset()};
    if (at > out.synced || (!out.branches.empty() && at <= out.branches.back().offset)) return false;
    out.branches.push_back({at, branch->id()});
  }
  return true;
}

// What a core says by cohort adds up to its totals. A core that says nothing by cohort is no liar.
bool read_cohorts(const fb::Next& in, const spool::Totals& whole, spool::CohortTotals& out) {
  if (in.cohorts() == nullptr || in.cohorts()->size() == 0) return true;
  if (in.cohorts()->size() > kCohortsMax) return false;
  spool::Totals all;
  for (const fb::CohortTotals* row : *in.cohorts()) {
    if (!name_fits(row->cohort())) return false;
    const spool::Totals totals = from_fb(*row->totals());
    if (!within(totals, whole) || !out.emplace(text_of(row->cohort()), totals).second) return false;
    all += totals;
    if (!within(all, whole)) return false;  // before the next one could wrap it
  }
  return all == whole;
}

}  // namespace

Outcome<Hello> decode_hello(ByteView bytes) {
  const auto in = verify<fb::Hello>(bytes, fb::HelloIdentifier());
  if (in.table == nullptr || !name_fits(in.table->edge()) || !name_fits(in.table->region(), 0)) return kMalformed;
  Hello out;
  out.version_min = in.table->version_min();
  out.version_max = in.table->version_max();
  out.edge = text_of(in.table->edge());
  out.region = text_of(in.table->region());
  out.spool = from_fb(*in.table->spool());
  out.session = in.table->session();
  out.product = text_of(in.table->product()).substr(0, kNameBytesMax);
  out.adopt = in.table->adopt();
  out.closing = in.table->closing();
  if (in.table->previous() != nullptr) out.previous = from_fb(*in.table->previous());
  if (in.table->lanes() == nullptr) return out;
  if (in.table->lanes()->size() > kLanes) return kMalformed;
  for (const fb::LaneHead* head : *in.table->lanes()) {
    LaneHead lane;
    if (!lane_from_fb(head->lane(), lane.lane) || head->settled() > head->synced()) return kMalformed;
    lane.settled = {head->settled()};
    lane.synced = {head->synced()};
    if (!read_branches(*head, lane)) return kMalformed;
    out.lanes.push_back(lane);
  }
  return out;
}

Outcome<Next> decode_next(ByteView bytes) {
  const auto in = verify<fb::Next>(bytes, fb::NextIdentifier());
  Next out;
  if (in.table == nullptr || !lane_from_fb(in.table->lane(), out.lane)) return kMalformed;
  out.spool = from_fb(*in.table->spool());
  out.session = in.table->session();
  out.forked = in.table->forked();
  out.closing = in.table->closing();
  out.common = {in.table->common()};
  out.common_exact = in.table->common_exact();
  out.standing.next = {in.table->next()};
  out.standing.digest = from_fb(*in.table->digest());
  out.standing.totals = from_fb(*in.table->totals());
  if (out.common > out.standing.next) return kMalformed;
  const spool::Totals& totals = out.standing.totals;
  if (!spool::adds_up(totals, out.standing.next) || !read_cohorts(*in.table, totals, out.standing.cohorts)) {
    return kMalformed;
  }
  return out;
}

Outcome<Credit> decode_credit(ByteView bytes) {
  const auto in = verify<fb::Credit>(bytes, fb::CreditIdentifier());
  Credit out;
  if (in.table == nullptr || !lane_from_fb(in.table->lane(), out.lane)) return kMalformed;
  out.spool = from_fb(*in.table->spool());
  out.session = in.table->session();
  out.limit_bytes = in.table->limit_bytes();
  if (const auto from = in.table->counted_from(); from.has_value()) out.counted_from = Offset{*from};
  return out;
}

Outcome<Rejected> decode_rejected(ByteView bytes) {
  const auto in = verify<fb::Rejected>(bytes, fb::RejectedIdentifier());
  Rejected out;
  if (in.table == nullptr || !lane_from_fb(in.table->lane(), out.lane) || !name_fits(in.table->reason())) {
    return kMalformed;
  }
  out.spool = from_fb(*in.table->spool());
  out.session = in.table->session();
  out.first = {in.table->first()};
  out.count = in.table->count();
  out.reason = text_of(in.table->reason());
  return out;
}

Outcome<DownBatch> decode_down_batch(ByteView bytes) {
  const auto in = verify<fb::DownBatch>(bytes, fb::DownBatchIdentifier());
  if (in.table == nullptr || in.table->items()->size() > kDownItemsMax) return kMalformed;
  DownBatch out;
  out.session = in.table->session();
  for (const fb::DownItem* item : *in.table->items()) {
    if (item->request()->size() == 0 || item->request()->size() > kRequestBytesMax) return kMalformed;
    out.items.push_back({item->sequence(), Bytes(item->request()->begin(), item->request()->end())});
  }
  return out;
}

Outcome<DownAck> decode_down_ack(ByteView bytes) {
  const auto in = verify<fb::DownAck>(bytes, fb::DownAckIdentifier());
  if (in.table == nullptr || in.table->answers()->size() > kDownItemsMax) return kMalformed;
  DownAck out;
  out.session = in.table->session();
  for (const fb::DownAnswer* answer : *in.table->answers()) {
    std::string reason = text_of(answer->reason());
    if (reason.size() > kNameBytesMax) return kMalformed;
    out.answers.push_back({answer->sequence(), answer->accepted(), std::move(reason)});
  }
  return out;
}

}  // namespace wayside::bridge::link
