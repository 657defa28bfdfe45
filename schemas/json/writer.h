// Writes JSON text (RFC 8259) to the end of a string, commas included. 64-bit integers are strings, because
// most readers take numbers for doubles; doubles and floats are the shortest text that reads back to the
// same bits. What JSON has no number for is a string: "NaN", "Infinity", "-Infinity".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/types.h"

namespace wayside::schemas {

// Owns nothing: appends to the string it is given. Thread: one. Limits: the caller's.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  // Escaped; bytes that are not UTF-8 become U+FFFD.
  JsonWriter& text(std::string_view value);
  JsonWriter& small(std::uint32_t value);   // a JSON number
  JsonWriter& int64(std::int64_t value);    // a string
  JsonWriter& uint64(std::uint64_t value);  // a string
  JsonWriter& real(double value);
  JsonWriter& real(float value);
  JsonWriter& boolean(bool value);
  JsonWriter& time(WallMs value);          // RFC 3339 UTC with ms; outside 1970..9999 as int64
  JsonWriter& raw(std::string_view json);  // JSON text made elsewhere

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& append(std::string_view token);
  JsonWriter& quoted(std::string_view plain);
  void separate();

  std::string& out_;
};

}  // namespace wayside::schemas
