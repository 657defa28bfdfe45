// What a vehicle remembers of the commands it executed: enough to execute none twice, none late after a
// clock step, and none that a newer one has overtaken.
//
// The blob: "WSVX" · u8 version (1) · i64 time_high · i64 deadline_floor · u32 count · entries ·
// u32 count · counters · u64 FNV-1a of all before. Little-endian.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result.h"
#include "intent/intent.h"

namespace wayside::vehicle {

using BodyHash = std::array<std::uint8_t, 32>;  // SHA-256 of the signed intent

struct ExecutedCommand {
  intent::PublicKey issuer{};
  intent::CommandId id{};
  BodyHash hash{};
  WallMs deadline{};
  std::uint8_t outcome = 0;  // schemas::CommandState as reported; 0: none was
};

struct SupersedeCounter {
  intent::PublicKey issuer{};
  std::string key;
  std::uint64_t counter = 0;
};

// Owns    the entries and counters. Thread one. Durable: encode() is what the caller stores.
// Limits  executed_max entries: only one whose deadline is past gives way, and from then on nothing with a
//         deadline at or below it is executed. counters_max counters: the one longest unused gives way.
class Executed {
 public:
  Executed(std::size_t executed_max, std::size_t counters_max)
      : executed_max_(executed_max), counters_max_(counters_max) {}

  [[nodiscard]] ExecutedCommand* find(const intent::PublicKey& issuer, const intent::CommandId& id);
  [[nodiscard]] std::optional<std::uint64_t> counter(const intent::PublicKey& issuer, const std::string& key) const;
  // False: full of commands whose deadlines are ahead of `now`.
  [[nodiscard]] bool add(const ExecutedCommand& command, WallMs now);
  void raise_counter(const intent::PublicKey& issuer, const std::string& key, std::uint64_t counter);
  // Time proved by signatures; never falls.
  void raise_time(WallMs proved) { time_high_ = std::max(time_high_, proved); }

  [[nodiscard]] WallMs time_high() const { return time_high_; }
  [[nodiscard]] WallMs deadline_floor() const { return deadline_floor_; }
  [[nodiscard]] std::size_t size() const { return commands_.size(); }

  [[nodiscard]] Bytes encode() const;
  // Fault::corrupt: the blob is not intact. The caller must not go on with an empty one.
  Result<void> decode(ByteView blob);

 private:
  std::size_t executed_max_;
  std::size_t counters_max_;
  WallMs time_high_{};
  WallMs deadline_floor_{};
  std::vector<ExecutedCommand> commands_;
  std::vector<SupersedeCounter> counters_;  // longest unused first
};

}  // namespace wayside::vehicle
