// The opaque structs of command.fbs and link_types.fbs as byte arrays, and back: byte 0 is the low byte of
// the first half, so that the bytes on the wire stand in order.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "common/types.h"
#include "schemas/gen/command_generated.h"
#include "schemas/gen/link_types_generated.h"

namespace wayside::schemas {

template <std::size_t Size, typename Struct>
std::array<std::uint8_t, Size> struct_bytes(const Struct& value) {
  static_assert(sizeof(Struct) == Size);
  std::array<std::uint8_t, Size> bytes{};
  std::memcpy(bytes.data(), &value, Size);  // a FlatBuffers struct is its little-endian wire form
  return bytes;
}
template <typename Struct, std::size_t Size>
Struct bytes_struct(const std::array<std::uint8_t, Size>& bytes) {
  static_assert(sizeof(Struct) == Size);
  Struct value;
  std::memcpy(&value, bytes.data(), Size);
  return value;
}

inline std::array<std::uint8_t, 16> id_bytes(const Id16& id) { return struct_bytes<16>(id); }
inline std::array<std::uint8_t, 32> key_bytes(const Key32& key) { return struct_bytes<32>(key); }
inline SpoolUuid spool_uuid(const Uuid& uuid) { return {struct_bytes<16>(uuid)}; }
inline Digest digest(const Digest128& value) { return {struct_bytes<16>(value)}; }
inline Id16 id_struct(const std::array<std::uint8_t, 16>& bytes) { return bytes_struct<Id16>(bytes); }
inline Key32 key_struct(const std::array<std::uint8_t, 32>& bytes) { return bytes_struct<Key32>(bytes); }
inline Uuid uuid_struct(const SpoolUuid& uuid) { return bytes_struct<Uuid>(uuid.bytes); }
inline Digest128 digest_struct(const Digest& value) { return bytes_struct<Digest128>(value.bytes); }

}  // namespace wayside::schemas
