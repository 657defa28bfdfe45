// Little-endian fields of the disk format: append to Bytes, read with a cursor that never leaves its view.
#pragma once

#include <algorithm>
#include <string_view>
#include <type_traits>

#include "common/types.h"

namespace wayside::spool {

template <typename T>
  requires std::is_integral_v<T>
void put(Bytes& out, T value) {
  auto bits = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(bits) >> (8 * i)));
  }
}
inline void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

// Overwrites 32 bits that were put as a placeholder.
inline void patch_u32(Bytes& out, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

// Once a read does not fit, ok() is false and every further read gives zero.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

  template <typename T>
  T get() {
    std::uint64_t value = 0;
    const ByteView from = take(sizeof(T));
    for (std::size_t i = 0; i < from.size(); ++i) value |= static_cast<std::uint64_t>(from[i]) << (8 * i);
    return static_cast<T>(value);
  }
  ByteView take(std::size_t size) {
    if (!ok_ || size > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const ByteView out = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return out;
  }
  template <std::size_t N>
  void copy(std::array<std::uint8_t, N>& out) {
    const ByteView from = take(N);
    std::copy(from.begin(), from.end(), out.begin());
  }

 private:
  ByteView bytes_;
  bool ok_ = true;
};

}  // namespace wayside::spool
