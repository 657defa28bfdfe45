// Packed columns: varints of 7 bits a byte, low bits first, and zigzag for differences (schemas/batch.fbs).
#pragma once

#include "common/types.h"

namespace wayside::bridge::batch {

inline constexpr std::size_t kVarintBytesMax = 10;

inline void put_varint(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out.push_back(static_cast<std::uint8_t>(value | 0x80U));
  out.push_back(static_cast<std::uint8_t>(value));
}

// Of the wrapped difference: INT64_MIN after INT64_MAX is a difference like any other.
inline std::uint64_t zigzag(std::uint64_t difference) { return (difference << 1U) ^ (0 - (difference >> 63U)); }
inline std::uint64_t unzigzag(std::uint64_t packed) { return (packed >> 1U) ^ (0 - (packed & 1U)); }

inline void put_difference(Bytes& out, std::uint64_t value, std::uint64_t previous) {
  put_varint(out, zigzag(value - previous));
}

// Reads varints that a peer wrote. False: none is left, or it is longer or wider than 64 bits.
class PackedReader {
 public:
  PackedReader() = default;
  explicit PackedReader(ByteView bytes) : bytes_(bytes) {}

  bool next(std::uint64_t& out) {
    out = 0;
    for (unsigned shift = 0; shift < 7 * kVarintBytesMax && !bytes_.empty(); shift += 7) {
      const std::uint64_t byte = bytes_.front();
      bytes_ = bytes_.subspan(1);
      const std::uint64_t bits = byte & 0x7FU;
      if (shift == 63 && bits > 1) return false;
      out |= bits << shift;
      if ((byte & 0x80U) == 0) return true;
    }
    return false;
  }
  bool next_after(std::uint64_t previous, std::uint64_t& out) {
    std::uint64_t packed = 0;
    if (!next(packed)) return false;
    out = previous + unzigzag(packed);
    return true;
  }
  [[nodiscard]] bool at_end() const { return bytes_.empty(); }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

 private:
  ByteView bytes_;
};

}  // namespace wayside::bridge::batch
