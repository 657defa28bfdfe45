#include "bridge/batch/batch.h"
#include "bridge/batch/batch_builder.h"
#include "bridge/batch/frame.h"
#include "bridge/batch/plan.h"

namespace wayside::bridge::batch {

Result<Encoded> encode(const EncodeInput& input, const std::vector<Rule>& rules, const Limits& limits) {
  WAYSIDE_ASSERT(input.records != nullptr && !input.records->empty());
  const std::vector<PlannedRecord> planned = plan(*input.records, rules, limits, input.now);
  Encoded out;
  out.first = input.first;
  out.count = planned.size();
  ColumnsBuilder columns;
  for (std::size_t i = 0; i < planned.size(); ++i) {
    WAYSIDE_ASSERT(planned[i].read->offset == input.first + i);
    out.framed_bytes += planned[i].read->framed_bytes;
    if (planned[i].outcome == Outcome::deliver) columns.add(planned[i]);
  }
  out.after = planned.back().read->after;
  out.samples = columns.samples();
  const Bytes raw = columns.finish(input, planned, out.after, out.framed_bytes);
  out.raw_bytes = raw.size();
  auto message = compress(raw, limits.zstd_level);
  if (!message) return std::move(message).error();
  out.message = std::move(message).value();
  return out;
}

}  // namespace wayside::bridge::batch
