#include "common/log/escape.h"

#include "common/utf8.h"

namespace wayside::log {
namespace {

constexpr char kHex[] = "0123456789abcdef";

bool printable_ascii(char c) { return c >= 0x20 && c < 0x7F; }

void append_hex(std::string& out, const char* prefix, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += prefix;
  out += kHex[byte >> 4U];
  out += kHex[byte & 15U];
}

void append_escaped(std::string& out, char c, bool utf8) {
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (printable_ascii(c) || (utf8 && static_cast<unsigned char>(c) >= 0x80)) {
    out += c;
  } else {
    append_hex(out, "\\u00", c);
  }
}

// A JSON string that is one for any bytes: what is not UTF-8 is shown byte by byte.
std::string quoted(std::string_view text) {
  const bool utf8 = utf8::valid_mqtt(text);
  std::string out = "\"";
  for (const char c : text) append_escaped(out, c, utf8);
  out += '"';
  return out;
}

std::string text_value(std::string_view value) {
  bool bare = !value.empty();
  for (const char c : value) bare = bare && printable_ascii(c) && c != ' ' && c != '"' && c != '\\' && c != '=';
  return bare ? std::string(value) : quoted(value);
}

}  // namespace

std::string text_line(std::string_view process, std::string_view event, Fields fields) {
  std::string out(process);
  if (!out.empty()) out += ' ';
  out += clean(event);
  for (const auto& [key, value] : fields) {
    out += ' ';
    out += clean(key);
    out += '=';
    out += text_value(value);
  }
  return out;
}

std::string json_line(std::string_view process, std::string_view event, Fields fields) {
  std::string out = "\"process\":" + quoted(process) + ",\"event\":" + quoted(event);
  for (const auto& [key, value] : fields) {
    out += ',';
    out += quoted(key);
    out += ':';
    out += quoted(value);
  }
  return out;
}

std::string clean(std::string_view from_peer, std::size_t bytes_max) {
  std::string out;
  for (const char c : from_peer) {
    const bool plain = printable_ascii(c) && c != '\\';
    if (out.size() + (plain ? 1 : 4) > bytes_max) return out + "...";
    if (plain) {
      out += c;
    } else {
      append_hex(out, "\\x", c);
    }
  }
  return out;
}

}  // namespace wayside::log
