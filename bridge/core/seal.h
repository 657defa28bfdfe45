// The checksum at the end of the small files of this folder, which tells rot.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/types.h"

namespace wayside::bridge::core {

// FNV-1a 64 of what was added, in whatever pieces.
class Checksum {
 public:
  void add(ByteView bytes) {
    for (const std::uint8_t byte : bytes) hash_ = (hash_ ^ byte) * 0x100000001B3ULL;
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }
  // Little-endian, appended to what is there.
  void put(Bytes& out) const;

 private:
  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
};

// Appends the checksum of what is there.
void seal(Bytes& bytes);
// What was sealed, without the checksum. nullopt: damaged, or not `magic` in front.
std::optional<ByteView> unseal(ByteView bytes, std::string_view magic);

}  // namespace wayside::bridge::core
