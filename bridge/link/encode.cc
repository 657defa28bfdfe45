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

using Builder = flatbuffers::FlatBufferBuilder;

template <typename Table>
Bytes finished(Builder& builder, flatbuffers::Offset<Table> root, const char* identifier) {
  builder.Finish(root, identifier);
  return {builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()};
}

}  // namespace

Bytes encode(const Hello& hello) {
  Builder builder;
  std::vector<flatbuffers::Offset<fb::LaneHead>> lanes;
  lanes.reserve(hello.lanes.size());
  for (const LaneHead& head : hello.lanes) {
    std::vector<fb::Branch> told;
    told.reserve(head.branches.size());
    for (const spool::Branch& branch : head.branches) told.emplace_back(branch.offset.value, branch.id);
    const auto branches = told.empty() ? 0 : builder.CreateVectorOfStructs(told);
    lanes.push_back(fb::CreateLaneHead(builder, to_fb(head.lane), head.settled.value, head.synced.value, branches));
  }
  const fb::Uuid spool = to_fb(hello.spool);
  const fb::Uuid previous = to_fb(hello.previous.value_or(SpoolUuid{}));
  const auto root =
      fb::CreateHello(builder, hello.version_min, hello.version_max, builder.CreateString(hello.edge),
                      builder.CreateString(hello.region), &spool, hello.session, builder.CreateString(hello.product),
                      builder.CreateVector(lanes), hello.adopt, hello.closing, hello.previous ? &previous : nullptr);
  return finished(builder, root, fb::HelloIdentifier());
}

Bytes encode(const Next& next) {
  Builder builder;
  std::vector<flatbuffers::Offset<fb::CohortTotals>> cohorts;
  for (const auto& [name, totals] : next.standing.cohorts) {
    const fb::Totals row = to_fb(totals);
    cohorts.push_back(fb::CreateCohortTotals(builder, builder.CreateString(name), &row));
  }
  const auto rows = builder.CreateVector(cohorts);
  const fb::Uuid spool = to_fb(next.spool);
  const fb::Digest128 digest = to_fb(next.standing.digest);
  const fb::Totals totals = to_fb(next.standing.totals);
  const auto root = fb::CreateNext(builder, &spool, next.session, to_fb(next.lane), next.standing.next.value, &digest,
                                   &totals, rows, next.forked, next.closing, next.common.value, next.common_exact);
  return finished(builder, root, fb::NextIdentifier());
}

Bytes encode(const Credit& credit) {
  Builder builder;
  const fb::Uuid spool = to_fb(credit.spool);
  flatbuffers::Optional<std::uint64_t> from;
  if (credit.counted_from) from = credit.counted_from->value;
  const auto root = fb::CreateCredit(builder, &spool, credit.session, to_fb(credit.lane), credit.limit_bytes, from);
  return finished(builder, root, fb::CreditIdentifier());
}

Bytes encode(const Rejected& rejected) {
  Builder builder;
  const fb::Uuid spool = to_fb(rejected.spool);
  const auto reason = builder.CreateString(rejected.reason);
  const auto root = fb::CreateRejected(builder, &spool, rejected.session, to_fb(rejected.lane), rejected.first.value,
                                       rejected.count, reason);
  return finished(builder, root, fb::RejectedIdentifier());
}

Bytes encode(const DownBatch& batch) {
  Builder builder;
  std::vector<flatbuffers::Offset<fb::DownItem>> items;
  items.reserve(batch.items.size());
  for (const DownItem& item : batch.items) {
    items.push_back(fb::CreateDownItem(builder, item.sequence, builder.CreateVector(item.request)));
  }
  const auto root = fb::CreateDownBatch(builder, batch.session, builder.CreateVector(items));
  return finished(builder, root, fb::DownBatchIdentifier());
}

Bytes encode(const DownAck& ack) {
  Builder builder;
  std::vector<flatbuffers::Offset<fb::DownAnswer>> answers;
  for (const DownAnswer& answer : ack.answers) {
    const auto reason = builder.CreateString(answer.reason);
    answers.push_back(fb::CreateDownAnswer(builder, answer.sequence, answer.accepted, reason));
  }
  const auto root = fb::CreateDownAck(builder, ack.session, builder.CreateVector(answers));
  return finished(builder, root, fb::DownAckIdentifier());
}

}  // namespace wayside::bridge::link
