// Records of the core log: one per accepted edge record or per tombstone range, and the core's own word on
// requests (design section 7). A fixed layout of ours inside the opaque records of spool/.
//
//   u8 version (1) · u8 kind · u8 flags · u8 lane · 16 spool uuid · u64 first · u64 count · i64 received_ms
//   flags: 1 first of its batch, 2 last of its batch (then 16 bytes digest after the batch follow)
//   kind 0 delivered   u8 signal_batch · i64 committed_ms · u64 epoch · u64 sequence · s8 vehicle · s16 topic ·
//                      s8 cohort · s8 mid · s8 catalogue · s32 payload
//   kind 1 tombstones  u8 outcome · u16 n · n x (s8 cohort · u64 count)
//   kind 2 request     u64 sequence · i64 deadline_ms · s8 edge · s8 service · s16 answer topic ·
//                      s16 correlation · s32 request
//   kind 3 answer      u64 sequence · u8 accepted · s8 reason
//   (little-endian; sN: length of N bits, then the bytes)
//
// A batch enters the log as consecutive records between the flags first and last. A torn tail can leave the
// head of a batch: whoever reads drops an unfinished batch when the next `first` comes.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bridge/batch/batch.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::bridge::core {

struct TombstoneRange {
  batch::Outcome outcome{};
  std::vector<std::pair<std::string, std::uint64_t>> cohorts;  // sorted; what is missing is "other"
};
struct RequestLogged {
  std::uint64_t sequence = 0;
  WallMs deadline{};
  std::string edge;
  std::string service;
  std::string answer_topic;
  Bytes correlation;
  Bytes request;
};
struct RequestAnswered {
  std::uint64_t sequence = 0;
  bool accepted = false;
  std::string reason;
};

struct CoreRecord {
  bool first_of_batch = true;
  bool last_of_batch = true;
  Lane lane{};     // of the edge's spool; command for requests
  SpoolUuid uuid;  // zero for requests
  Offset first{};
  std::uint64_t count = 1;
  WallMs received{};
  Digest after{};  // of the last of a batch
  std::variant<batch::Delivered, TombstoneRange, RequestLogged, RequestAnswered> what;
};

void encode_core_record(const CoreRecord& record, Bytes& out);  // cleared first
Result<CoreRecord> decode_core_record(ByteView bytes);          // Fault::malformed or ::unsupported

// The records of an accepted batch, in offset order, flags set.
std::vector<CoreRecord> records_of(const batch::Decoded& batch, WallMs received);

// Batches out of a stream of core records, unfinished ones dropped. A damaged record is told instead of added: a batch
// may have gaps inside, and lack its head or its end. Without its end it counts once the same edge is seen to go on
// behind it; an edge whose core stands before it sends it again.
class BatchAssembler {
 public:
  void damaged() { damaged_ = true; }
  // True: `batch` has lost its end, and `next` follows it. To be taken before `next` is added.
  [[nodiscard]] bool ends_before(const CoreRecord& next) const;
  // True: `batch` holds a complete one.
  bool add(CoreRecord record);
  [[nodiscard]] const std::vector<CoreRecord>& batch() const { return batch_; }

 private:
  std::vector<CoreRecord> batch_;
  bool open_ = false;
  bool damaged_ = false;  // since the last record that was added
};

}  // namespace wayside::bridge::core
