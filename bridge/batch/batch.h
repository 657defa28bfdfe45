// A batch: consecutive offsets of one lane as the link carries them (design section 7): FlatBuffers columns
// (schemas/batch.fbs), one zstd frame with its content size. Pure: bytes in, bytes out.
//
// Untrusted on the core's side: verifier depth 16, 10,000 tables, aligned copy, then ranges and equal column
// lengths; zstd: one frame, content size present and bounded, window <= 2^20.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/reasons.h"
#include "common/result.h"
#include "common/types.h"
#include "spool/lane.h"
#include "spool/settlement.h"

namespace wayside::bridge::batch {

inline constexpr std::size_t kBranchesMax = 256;  // in one batch; of more none is told

enum class Outcome : std::uint8_t { deliver = 0, compacted = 1, resent = 2, expired = 3, lost = 4 };

struct Limits {
  std::uint64_t raw_bytes_max = 4U << 20U;  // of the FlatBuffer before zstd
  std::uint32_t records_max = 10'000;
  // Of all payloads together, SignalBatches rebuilt: what a small batch may unfold into.
  std::uint64_t payload_bytes_max = 64U << 20U;
  int zstd_level = 3;
};

// What to do with a record besides shipping it. Default: history, no TTL.
enum class Policy : std::uint8_t { history, latest };
struct Rule {
  std::string topic_filter;  // with {vehicle}; first match wins
  Policy policy = Policy::history;
  std::int64_t ttl_ms = 0;  // 0: never expires
};

struct EncodeInput {
  SpoolUuid uuid;
  std::uint64_t session = 0;
  Lane lane = Lane::state;
  std::uint64_t number = 0;
  Offset first{};
  Digest before{};
  bool key_frame = true;
  WallMs now{};                                             // for TTL
  const std::vector<spool::ReadRecord>* records = nullptr;  // consecutive from `first`
  std::vector<spool::Branch> branches{};                    // of them, the first at `first`; empty: not told
};

struct Encoded {
  Bytes message;  // what is published: the zstd frame
  Offset first{};
  std::uint64_t count = 0;
  Digest after{};
  std::uint64_t framed_bytes = 0;
  std::uint64_t raw_bytes = 0;
  std::uint64_t samples = 0;  // signal samples delivered
};

// Takes as many of the records as fit the limits (at least one). A record that does not decode becomes a
// `lost` run. Bit-exact: decode(encode(x)) delivers the same values, times and bytes.
Result<Encoded> encode(const EncodeInput& input, const std::vector<Rule>& rules, const Limits& limits);

// One accepted edge record as the core log keeps it.
struct Delivered {
  Offset offset{};
  std::string vehicle;
  std::string topic;  // full topic
  std::string cohort;
  std::string mid;
  std::string catalogue;
  WallMs committed{};
  std::uint64_t epoch = 0;
  std::uint64_t sequence = 0;
  bool signal_batch = false;  // payload is a SignalBatch rebuilt from columns: equal values, own bytes
  Bytes payload;
};
struct OutcomeRun {
  Outcome outcome{};
  Offset first{};
  std::uint64_t count = 0;
  spool::CohortTotals cohorts;
};
struct Decoded {
  SpoolUuid uuid;
  std::uint64_t session = 0;
  Lane lane{};
  std::uint64_t number = 0;
  Offset first{};
  std::uint64_t count = 0;
  Digest before{};
  Digest after{};
  std::uint64_t framed_bytes = 0;
  bool key_frame = false;
  std::vector<OutcomeRun> runs;         // cover [first, first + count)
  std::vector<Delivered> delivered;     // in offset order
  std::vector<spool::Branch> branches;  // of the range, the first at `first`; empty: not told
};
// What a batch says of itself, read before the rest is trusted; enough for REJECTED. BATCH_MALFORMED or
// BATCH_TOO_LARGE otherwise.
wayside::Outcome<Decoded> decode(ByteView message, const Limits& limits);

}  // namespace wayside::bridge::batch
