// How often the log is told of what happens again and again: at once, then once a minute with how often it did.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "common/clock.h"

namespace wayside::log {

// Owns     when each thing was said last, and how often it happened since.
// Thread   the owner's.
// Durable  -
// Limits   kThingsMax things; beyond them the one that was said longest ago is forgotten, and would be said at once.
class Pace {
 public:
  static constexpr std::int64_t kSayMs = 60'000;
  static constexpr std::size_t kThingsMax = 256;

  explicit Pace(const Clock& clock) : clock_(clock) {}

  // How often since it was last said, this time included; nullopt: it was said less than a minute ago.
  std::optional<std::uint64_t> happened(const std::string& thing);

 private:
  struct Said {
    MonoMs at{};
    std::uint64_t since = 0;
  };
  void make_room();

  const Clock& clock_;
  std::map<std::string, Said> said_;
};

}  // namespace wayside::log
