// Little-endian writing and bounded reading for the layouts of this folder.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/types.h"

namespace wayside::bridge::core {

class WireWriter {
 public:
  explicit WireWriter(Bytes& out) : out_(out) {}
  void number(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) out_.push_back(static_cast<std::uint8_t>(value >> (8U * i)));
  }
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  // `length_bytes` of length, then the bytes. What does not fit its length is a bug.
  void sized(ByteView bytes, unsigned length_bytes) {
    WAYSIDE_ASSERT(bytes.size() < (1ULL << (8U * length_bytes)));
    number(bytes.size(), length_bytes);
    raw(bytes);
  }
  void text(std::string_view text, unsigned length_bytes) { sized(as_bytes(text), length_bytes); }

 private:
  Bytes& out_;
};

// Once it ran past the end it stays failed and gives zeros.
class WireReader {
 public:
  explicit WireReader(ByteView bytes) : rest_(bytes) {}
  std::uint64_t number(unsigned bytes) {
    const ByteView at = raw(bytes);
    std::uint64_t value = 0;
    for (std::size_t i = at.size(); i-- > 0;) value = (value << 8U) | at[i];
    return value;
  }
  ByteView raw(std::size_t size) {
    if (size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const ByteView out = rest_.first(size);
    rest_ = rest_.subspan(size);
    return out;
  }
  ByteView sized(unsigned length_bytes) { return raw(number(length_bytes)); }
  std::string text(unsigned length_bytes) { return std::string(as_text(sized(length_bytes))); }
  Bytes bytes(unsigned length_bytes) {
    const ByteView view = sized(length_bytes);
    return {view.begin(), view.end()};
  }
  template <std::size_t N>
  void fill(std::array<std::uint8_t, N>& out) {
    const ByteView view = raw(N);
    if (view.size() == N) std::copy(view.begin(), view.end(), out.begin());
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }

 private:
  ByteView rest_;
  bool failed_ = false;
};

}  // namespace wayside::bridge::core
