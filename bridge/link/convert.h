// Between the structs of schemas/link_types.fbs and our strong types; for the .cc files of this folder.
#pragma once

#include <flatbuffers/flatbuffers.h>

#include <cstring>

#include "common/types.h"
#include "schemas/gen/link_types_generated.h"
#include "spool/settlement.h"

namespace wayside::bridge::link {

namespace fb = wayside::schemas;

inline constexpr unsigned kVerifierDepth = 16;
inline constexpr unsigned kVerifierTables = 10'000;

inline std::uint64_t half_of(const std::uint8_t* at) {
  std::uint64_t half = 0;
  for (unsigned i = 8; i-- > 0;) half = (half << 8U) | at[i];
  return half;
}
inline void put_half(std::uint64_t half, std::uint8_t* at) {
  for (unsigned i = 0; i < 8; ++i) at[i] = static_cast<std::uint8_t>(half >> (8U * i));
}
inline fb::Uuid to_fb(const SpoolUuid& uuid) { return {half_of(uuid.bytes.data()), half_of(uuid.bytes.data() + 8)}; }
inline fb::Digest128 to_fb(const Digest& digest) {
  return {half_of(digest.bytes.data()), half_of(digest.bytes.data() + 8)};
}
inline fb::Totals to_fb(const spool::Totals& t) { return {t.delivered, t.compacted, t.resent, t.expired, t.lost}; }
inline fb::LaneId to_fb(Lane lane) { return static_cast<fb::LaneId>(lane); }

inline SpoolUuid from_fb(const fb::Uuid& uuid) {
  SpoolUuid out;
  put_half(uuid.a(), out.bytes.data());
  put_half(uuid.b(), out.bytes.data() + 8);
  return out;
}
inline Digest from_fb(const fb::Digest128& digest) {
  Digest out;
  put_half(digest.a(), out.bytes.data());
  put_half(digest.b(), out.bytes.data() + 8);
  return out;
}
inline spool::Totals from_fb(const fb::Totals& t) {
  return {t.delivered(), t.compacted(), t.resent(), t.expired(), t.lost()};
}
inline bool lane_from_fb(fb::LaneId id, Lane& out) {
  if (static_cast<std::size_t>(id) >= kLanes) return false;
  out = static_cast<Lane>(id);
  return true;
}
inline std::string text_of(const flatbuffers::String* text) {
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

}  // namespace wayside::bridge::link
