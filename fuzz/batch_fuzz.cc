// Batches from a peer: decode must refuse or give something whole. The first byte chooses whether the rest is the
// message itself or the FlatBuffer inside a good frame (or the fuzzer would have to invent zstd's entropy coding).
#include <cstdint>

#include "bridge/batch/batch.h"
#include "bridge/batch/frame.h"
#include "schemas/signal_batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace wayside;
  if (size < 1) return 0;
  const ByteView rest(data + 1, size - 1);
  const Bytes message = data[0] % 2 == 0 ? Bytes(rest.begin(), rest.end()) : bridge::batch::compress(rest, 1).value();
  bridge::batch::Limits limits;
  limits.raw_bytes_max = 1U << 20U;
  limits.payload_bytes_max = 4U << 20U;
  const auto batch = bridge::batch::decode(message, limits);
  if (!batch) return 0;
  std::uint64_t covered = 0;
  for (const auto& run : batch->runs) {
    std::uint64_t counted = 0;
    for (const auto& [cohort, totals] : run.cohorts) counted += totals.sum();
    WAYSIDE_ASSERT(counted == run.count && run.first == batch->first + covered);
    covered += run.count;
  }
  WAYSIDE_ASSERT(covered == batch->count);
  for (const auto& record : batch->delivered) {
    WAYSIDE_ASSERT(!record.signal_batch || schemas::verify_signal_batch(record.payload).ok());
  }
  return 0;
}
