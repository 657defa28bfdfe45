// The cars' own account of what they said, independent of everything between them and the backend: written
// from source values before encoding, synced when an acknowledgement arrives. `wayside verify` reads it.
//
//   {"vehicle":V,"sequence":"N","topic":T,"signals":[{"path":P,"type":Y,"t":RFC 3339,"v":X}...]}  before encoding
//   {"vehicle":V,"acked":"N","at":RFC 3339}       the PUBACK came and said yes
//   {"vehicle":V,"refused":"N","reason":"0x97"}   the PUBACK came and said no
//   {"vehicle":V,"resent":"N"}                    published again after a lost connection
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/result.h"
#include "common/types.h"
#include "fleet/drive/sample.h"

namespace wayside::fleet {

// Owns    the open file and the lines of this turn.   Thread  one.
// Durable what was there when turn() after an acknowledgement returned ok.
// Limits  one turn's lines in memory.
class Journal {
 public:
  // Appends to `path`, creating it.
  static Result<std::unique_ptr<Journal>> open(const std::string& path);
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;
  ~Journal();

  void message(std::string_view vehicle, std::uint64_t sequence, std::string_view topic,
               std::span<const Sample> samples);
  void acked(std::string_view vehicle, std::uint64_t sequence, WallMs at);
  void refused(std::string_view vehicle, std::uint64_t sequence, std::uint8_t reason);
  void resent(std::string_view vehicle, std::uint64_t sequence);

  // Writes the lines so far: called before a message that is in them may leave.
  Result<void> write_lines();
  // Ends a loop turn: writes, and syncs when an acknowledgement is among the lines.
  Result<void> turn();

 private:
  explicit Journal(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  int fd_;
  std::string path_;
  std::string lines_;
  bool must_sync_ = false;
};

// Appends `text` as a JSON string, quotes included.
void append_json_string(std::string& out, std::string_view text);
// The value as every file of ours carries it: shortest round trip, 64-bit integers as strings.
void append_json_value(std::string& out, const Value& value);

}  // namespace wayside::fleet
