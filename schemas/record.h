// The record: what custody stores in a lane and the bridge reads back. A fixed layout of ours (the
// spool itself holds opaque bytes), written only by the broker and trusted by nobody: decode checks
// every length.
//
//   u8 version (1) · u8 flags · u16 packet_id · i64 source_ms · u64 epoch · u64 sequence
//   u8 len, vehicle · u16 len, topic · u8 len, cohort · u8 len, tenant · u8 len, mid
//   u8 len, qos2_session · u32 len, payload                         (all little-endian)
//
// A new version appends fields after the payload; a reader of version N refuses above N.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/types.h"

namespace wayside::schemas {

inline constexpr std::size_t kRecordNameBytesMax = 64;  // vehicle, cohort, tenant, mid
inline constexpr std::size_t kRecordSessionBytesMax = 255;
inline constexpr std::size_t kRecordTopicBytesMax = 65'535;

// Views into the encoded bytes or into the caller's strings; owns nothing.
struct RecordView {
  std::string_view vehicle;             // 1..64 bytes
  std::string_view topic;               // the full topic, 1..65,535 bytes
  ByteView payload;                     // as published
  std::string_view cohort;              // 0..64 bytes; empty counts as "other"
  std::string_view tenant = "default";  // 1..64 bytes
  std::string_view mid;                 // source id from user property `mid`, 0..64 bytes
  std::string_view qos2_session;        // session of an unreleased QoS 2 publish; empty otherwise
  std::uint16_t packet_id = 0;          // likewise; 0 otherwise
  std::uint64_t epoch = 0;              // presence epoch of the connection it came in on
  std::uint64_t sequence = 0;           // SignalBatch.sequence / Event.sequence; 0 = none
  WallMs source_time{};                 // when the gate received it
  bool signal_batch = false;            // payload verified as a SignalBatch at the gate
};

// Appends the encoding to `out` (cleared first). Asserts the limits above: the gate has checked them.
void encode_record(const RecordView& record, Bytes& out);
// Views into `bytes`, which must outlive the result. Fault::malformed or ::unsupported.
Result<RecordView> decode_record(ByteView bytes);

}  // namespace wayside::schemas
