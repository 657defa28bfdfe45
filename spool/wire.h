// Little-endian fields of the disk format: append to Bytes, read with a cursor that never leaves its view.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <string_view>
#include <type_traits>

#include "common/types.h"

namespace wayside::spool {

static_assert(std::endian::native == std::endian::little, "fields are copied as they stand");

template <typename T>
  requires std::is_integral_v<T>
void put(Bytes& out, T value) {
  out.resize(out.size() + sizeof value);
  std::memcpy(out.data() + out.size() - sizeof value, &value, sizeof value);
}
inline void put(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

// Overwrites 32 bits that were put as a placeholder.
inline void patch_u32(Bytes& out, std::size_t at, std::uint32_t value) {
  std::memcpy(out.data() + at, &value, sizeof value);
}

// Once a read does not fit, ok() is false and every further read gives zero.
class Cursor {
 public:
  explicit Cursor(ByteView bytes) : bytes_(bytes) {}
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size(); }

  template <typename T>
  T get() {
    const ByteView from = take(sizeof(T));
    T value{};
    if (ok_) std::memcpy(&value, from.data(), sizeof value);
    return value;
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
