#include "schemas/json/writer.h"

#include <array>
#include <charconv>
#include <cmath>

#include "common/os/system.h"
#include "schemas/signal_batch.h"
#include "schemas/text.h"

namespace wayside::schemas {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

template <typename Number>
std::string shortest(Number value) {
  std::array<char, 64> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  return {text.data(), end};
}

template <typename Real>
std::string real_text(Real value) {
  if (std::isnan(value)) return "\"NaN\"";
  if (std::isinf(value)) return value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  std::string text = shortest(value);
  if (text == "-0") text = "-0.0";  // as an integer a reader would lose the sign
  return text;
}

void append_escaped(std::string& out, char c) {
  switch (c) {
    case '"': out += "\\\""; return;
    case '\\': out += "\\\\"; return;
    case '\n': out += "\\n"; return;
    case '\r': out += "\\r"; return;
    case '\t': out += "\\t"; return;
    default: break;
  }
  const auto byte = static_cast<std::uint8_t>(c);
  if (byte >= 0x20 && byte != 0x7F) {
    out += c;
    return;
  }
  out += "\\u00";
  out += to_hex(ByteView(&byte, 1));
}

// Longest valid prefix first: one bad byte costs one replacement, not the rest of the text.
std::string repaired(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    std::size_t size = 1;
    while (size < 4 && size < text.size() && !valid_utf8(text.substr(0, size))) ++size;
    const bool valid = valid_utf8(text.substr(0, size));
    out += valid ? text.substr(0, size) : kReplacement;
    text.remove_prefix(valid ? size : 1);
  }
  return out;
}

}  // namespace

// After an opening bracket, a key, or at the start of a line nothing separates.
void JsonWriter::separate() {
  constexpr std::string_view kNothingBefore = "{[:\n";
  if (!out_.empty() && kNothingBefore.find(out_.back()) == std::string_view::npos) out_ += ',';
}

JsonWriter& JsonWriter::append(std::string_view token) {
  separate();
  out_ += token;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) { return append({&bracket, 1}); }

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
  text(name);
  out_ += ':';
  return *this;
}

JsonWriter& JsonWriter::text(std::string_view value) {
  if (!valid_utf8(value)) return text(repaired(value));
  separate();
  out_ += '"';
  for (const char c : value) append_escaped(out_, c);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::quoted(std::string_view plain) {
  separate();
  out_ += '"';
  out_ += plain;
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::small(std::uint32_t value) { return append(shortest(value)); }
JsonWriter& JsonWriter::int64(std::int64_t value) { return quoted(shortest(value)); }
JsonWriter& JsonWriter::uint64(std::uint64_t value) { return quoted(shortest(value)); }
JsonWriter& JsonWriter::real(double value) { return append(real_text(value)); }
JsonWriter& JsonWriter::real(float value) { return append(real_text(value)); }
JsonWriter& JsonWriter::boolean(bool value) { return append(value ? "true" : "false"); }
JsonWriter& JsonWriter::raw(std::string_view json) { return append(json); }

JsonWriter& JsonWriter::time(WallMs value) {
  if (value.value < 0 || value.value > kTimeMsMax) return int64(value.value);
  return quoted(os::rfc3339(value));
}

}  // namespace wayside::schemas
