// Strong types for the nouns every folder shares: two integers cannot be swapped.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace wayside {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// Position of a record in a lane. Dense from 0, FIFO, never reused.
struct Offset {
  std::uint64_t value = 0;
  auto operator<=>(const Offset&) const = default;
  Offset operator+(std::uint64_t n) const { return {value + n}; }
  std::uint64_t operator-(Offset other) const { return value - other.value; }
};

// Wall-clock milliseconds since 1970 UTC. May step; never used for a duration.
struct WallMs {
  std::int64_t value = 0;
  auto operator<=>(const WallMs&) const = default;
};

// Monotonic milliseconds since an arbitrary start. Never steps.
struct MonoMs {
  std::int64_t value = 0;
  auto operator<=>(const MonoMs&) const = default;
  MonoMs operator+(std::int64_t ms) const { return {value + ms}; }
  std::int64_t operator-(MonoMs other) const { return value - other.value; }
};

// Class of a message and, one to one, the lane that stores it. Lower value is served first.
enum class Lane : std::uint8_t { command = 0, ack = 1, event = 2, state = 3, bulk = 4 };
inline constexpr std::size_t kLanes = 5;
inline constexpr std::array<Lane, kLanes> kAllLanes = {Lane::command, Lane::ack, Lane::event, Lane::state, Lane::bulk};
const char* to_string(Lane lane);
// "command" ... "bulk"; anything else is nullopt-like: returns false and leaves `out`.
bool parse_lane(std::string_view text, Lane& out);
inline std::size_t index_of(Lane lane) { return static_cast<std::size_t>(lane); }

// Identity of a spool volume, made once at its creation.
struct SpoolUuid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const SpoolUuid&) const = default;
};
std::string to_string(const SpoolUuid& uuid);  // 8-4-4-4-12 lower-case hex
bool parse_spool_uuid(std::string_view text, SpoolUuid& out);

// A spool that goes on for another one: what was at common + n of a lane is at n.
struct SpoolShift {
  SpoolUuid from;
  std::array<Offset, kLanes> common{};
  [[nodiscard]] Offset moved(Lane lane, Offset offset) const {
    const Offset begin = common[index_of(lane)];
    return offset <= begin ? Offset{} : Offset{offset.value - begin.value};
  }
};

// Chain digest of a lane: XXH3-128 running over records (spool/format.h defines the chain).
struct Digest {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Digest&) const = default;
};
std::string to_string(const Digest& digest);  // 32 hex digits

// "<spool uuid>/<lane>/<offset>": names one accepted record for ever and everywhere (P2).
std::string wayside_id(const SpoolUuid& uuid, Lane lane, Offset offset);

// Lower-case hex of bytes, and back (false: odd length or not hex).
std::string to_hex(ByteView bytes);
bool from_hex(std::string_view text, Bytes& out);

}  // namespace wayside
