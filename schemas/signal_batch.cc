#include "schemas/signal_batch.h"

#include "schemas/signals.h"
#include "schemas/text.h"
#include "schemas/verified.h"

namespace wayside::schemas {
namespace {

using Opened = Verified<SignalBatch>;

bool in_range(const Opened& batch) {
  return batch && valid_catalogue(view(batch->catalogue())) && signals_in_range(batch->signals(), 1, kSignalsMax);
}

}  // namespace

Outcome<SignalBatchInfo> verify_signal_batch(ByteView payload) {
  const Opened batch(payload, SignalBatchIdentifier());
  if (!in_range(batch)) return Reason::PAYLOAD_INVALID;
  return SignalBatchInfo{batch->sequence(), std::string(view(batch->catalogue())), batch->signals()->size()};
}

Outcome<SignalBatchValues> parse_signal_batch(ByteView payload) {
  const Opened batch(payload, SignalBatchIdentifier());
  if (!in_range(batch)) return Reason::PAYLOAD_INVALID;
  return SignalBatchValues{batch->sequence(), std::string(view(batch->catalogue())), signal_values(batch->signals())};
}

Bytes build_signal_batch(std::uint64_t sequence, std::string_view catalogue, std::span<const SignalValue> signals) {
  flatbuffers::FlatBufferBuilder builder(64 + signals.size() * 96);
  const auto signal_offsets = build_signals(builder, signals);
  const auto catalogue_offset = builder.CreateString(catalogue.data(), catalogue.size());
  FinishSignalBatchBuffer(builder, CreateSignalBatch(builder, sequence, catalogue_offset, signal_offsets));
  return take(builder);
}

bool claims_signal_batch(ByteView payload) {
  return payload.size() >= 8 && as_text(payload.subspan(4, 4)) == SignalBatchIdentifier();
}

}  // namespace wayside::schemas
