// SignalBatch (signals.fbs) as plain values: verified, built and read in one place.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::schemas {

inline constexpr std::size_t kSignalsMax = 1'024;
inline constexpr std::size_t kSignalTextBytesMax = 1'024;
inline constexpr std::int64_t kTimeMsMax = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z

// Alternatives in the order of the union `Value`: index + 1 is its type.
using SignalData = std::variant<std::int64_t, std::uint64_t, double, float, bool, std::string>;

struct SignalValue {
  std::string path;
  WallMs t{};
  SignalData value;
};

struct SignalBatchInfo {
  std::uint64_t sequence = 0;  // 0: the sender gives none
  std::string catalogue;
  std::uint32_t count = 0;
};
struct SignalBatchValues {
  std::uint64_t sequence = 0;
  std::string catalogue;
  std::vector<SignalValue> signals;
};

// Everything a reader may rely on afterwards: structure, 1..kSignalsMax signals, path grammar, times of
// 1970..9999, known value types, strings bounded and UTF-8. Refuses PAYLOAD_INVALID.
wayside::Outcome<SignalBatchInfo> verify_signal_batch(ByteView payload);
wayside::Outcome<SignalBatchValues> parse_signal_batch(ByteView payload);

// Bit-exact: parse(build(x)) has the same bits, minus zero and NaN payloads included.
Bytes build_signal_batch(std::uint64_t sequence, std::string_view catalogue, std::span<const SignalValue> signals);

// The payload claims to be a SignalBatch: it carries the file identifier.
bool claims_signal_batch(ByteView payload);

}  // namespace wayside::schemas
