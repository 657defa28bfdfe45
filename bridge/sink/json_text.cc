#include "bridge/sink/json_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "common/os/system.h"

namespace wayside::bridge::sink {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

template <typename Number>
void append_number(std::string& out, Number value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

template <typename Float>
void append_float(std::string& out, Float value) {
  if (std::isnan(value)) return out.append("\"NaN\""), void();
  if (std::isinf(value)) return out.append(value > 0 ? "\"Infinity\"" : "\"-Infinity\""), void();
  append_number(out, value);
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"': out.append("\\\""); return;
    case '\\': out.append("\\\\"); return;
    case '\n': out.append("\\n"); return;
    case '\r': out.append("\\r"); return;
    case '\t': out.append("\\t"); return;
    default: break;
  }
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte != 0x7F) return out.push_back(c);
  out.append("\\u00").push_back(kHex[byte >> 4U]);
  out.push_back(kHex[byte & 15U]);
}

struct ValueWriter {
  std::string& out;
  void operator()(std::int64_t v) const {
    out.push_back('"');
    append_number(out, v);
    out.push_back('"');
  }
  void operator()(std::uint64_t v) const {
    out.push_back('"');
    append_number(out, v);
    out.push_back('"');
  }
  void operator()(double v) const { append_float(out, v); }
  void operator()(float v) const { append_float(out, v); }
  void operator()(bool v) const { out.append(v ? "true" : "false"); }
  void operator()(const std::string& v) const { append_string(out, v); }
};

// Length of the UTF-8 sequence at the front, 0 when there is none (overlong, surrogate, above U+10FFFF).
std::size_t utf8_length(ByteView s) {
  const std::uint8_t a = s[0];
  if (a < 0x80) return 1;
  const std::size_t length = a >= 0xF0 ? 4 : a >= 0xE0 ? 3 : 2;
  if (a < 0xC2 || a > 0xF4 || s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((s[i] & 0xC0U) != 0x80U) return 0;
  }
  const std::uint8_t b = s[1];
  if ((a == 0xE0 && b < 0xA0) || (a == 0xED && b > 0x9F) || (a == 0xF0 && b < 0x90) || (a == 0xF4 && b > 0x8F))
    return 0;
  if (a == 0xC2 && b < 0xA0) return 0;  // C1 control characters
  return length;
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) append_escaped(out, c);
  out.push_back('"');
}

void append_field(std::string& out, std::string_view name) {
  if (!out.empty() && out.back() != '{') out.push_back(',');
  append_string(out, name);
  out.push_back(':');
}

void append_time(std::string& out, WallMs at) { append_string(out, os::rfc3339(at)); }

void append_value(std::string& out, const schemas::SignalData& value) { std::visit(ValueWriter{out}, value); }

void append_signals(std::string& out, const std::vector<schemas::SignalValue>& signals) {
  for (const schemas::SignalValue& signal : signals) {
    if (out.back() != '[') out.push_back(',');
    out.push_back('{');
    append_field(out, "path");
    append_string(out, signal.path);
    append_field(out, "t");
    append_time(out, signal.t);
    append_field(out, "v");
    append_value(out, signal.value);
    out.push_back('}');
  }
}

void append_base64(std::string& out, ByteView bytes) {
  out.push_back('"');
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t word = static_cast<std::uint32_t>(bytes[i]) << 16U;
    if (left > 1) word |= static_cast<std::uint32_t>(bytes[i + 1]) << 8U;
    if (left > 2) word |= bytes[i + 2];
    for (std::size_t c = 0; c < 4; ++c) out.push_back(c <= left ? kBase64[(word >> (18U - 6U * c)) & 63U] : '=');
  }
  out.push_back('"');
}

bool plain_text(ByteView bytes) {
  while (!bytes.empty()) {
    const std::size_t length = utf8_length(bytes);
    if (length == 0 || bytes[0] < 0x20 || bytes[0] == 0x7F) return false;
    bytes = bytes.subspan(length);
  }
  return true;
}

}  // namespace wayside::bridge::sink
