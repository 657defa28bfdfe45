// Cursor over the body of one complete packet. The first broken rule sticks; every later read returns
// an empty value, so that a decoder reads straight down and looks once at the end.
#pragma once

#include "common/mqtt/codec.h"
#include "common/utf8.h"

namespace wayside::mqtt {

class Reader {
 public:
  explicit Reader(ByteView bytes) : left_(bytes) {}

  [[nodiscard]] bool ok() const { return status_ == DecodeStatus::complete; }
  [[nodiscard]] DecodeStatus status() const { return status_; }
  [[nodiscard]] const char* what() const { return what_; }
  [[nodiscard]] std::size_t left() const { return left_.size(); }

  void malformed(const char* what) { fail(DecodeStatus::malformed, what); }
  void protocol_error(const char* what) { fail(DecodeStatus::protocol_error, what); }

  ByteView take(std::size_t size) {
    if (size > left_.size()) {
      malformed("a field is longer than the packet");
      return {};
    }
    const ByteView bytes = left_.first(size);
    left_ = left_.subspan(size);
    return bytes;
  }
  ByteView rest() { return take(left_.size()); }

  std::uint8_t u8() {
    const ByteView b = take(1);
    return b.empty() ? std::uint8_t{0} : b[0];
  }
  std::uint16_t u16() {
    const ByteView b = take(2);
    return b.empty() ? std::uint16_t{0} : static_cast<std::uint16_t>(b[0] << 8U | b[1]);
  }
  std::uint32_t u32() {
    const std::uint32_t high = u16();
    return high << 16U | u16();
  }
  // 1.5.5: at most four bytes, the shortest form only.
  std::uint32_t varint() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28 && ok(); shift += 7) {
      const std::uint8_t byte = u8();
      value |= (byte & 0x7FU) << shift;
      if ((byte & 0x80U) != 0) continue;
      if (byte == 0 && shift != 0) malformed("a variable byte integer is longer than it needs to be");
      return ok() ? value : 0;
    }
    malformed("a variable byte integer has more than four bytes");
    return 0;
  }
  ByteView binary() { return take(u16()); }
  std::string_view text() {
    const std::string_view text = as_text(binary());
    if (!utf8::valid_mqtt(text)) malformed("a string is not well-formed UTF-8 without U+0000");
    return ok() ? text : std::string_view{};
  }
  std::uint16_t packet_id() {
    const std::uint16_t id = u16();
    if (id == 0) protocol_error("packet identifier 0");
    return id;
  }

 private:
  void fail(DecodeStatus status, const char* what) {
    if (!ok()) return;
    status_ = status;
    what_ = what;
    left_ = {};
  }

  ByteView left_;
  DecodeStatus status_ = DecodeStatus::complete;
  const char* what_ = "";
};

}  // namespace wayside::mqtt
