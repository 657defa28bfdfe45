// How full something bounded is, in words that do not flutter.
#pragma once

#include <cstdint>

namespace wayside::broker {

enum class Mark : std::uint8_t { none = 0, warn = 1, high = 2 };
inline const char* to_string(Mark mark) {
  constexpr const char* kNames[] = {"none", "warn", "high"};
  return kNames[static_cast<std::size_t>(mark)];
}

// Owns     the mark that was reached.
// Thread   one.
// Durable  -
// Limits   -
//
// A mark is reached at its percentage of the bound and left again hysteresis_percent below it: traffic around a
// mark says so once, not each time it passes.
class FillMark {
 public:
  struct Limits {
    std::uint32_t warn_percent = 70;
    std::uint32_t high_percent = 90;
    std::uint32_t hysteresis_percent = 10;
  };
  explicit FillMark(Limits limits) : limits_(limits) {}

  // True: the mark is another one than before.
  bool update(std::uint64_t used, std::uint64_t bound) {
    const Mark before = mark_;
    const auto reached = [&](std::uint32_t percent, Mark of) {
      const std::uint32_t slack = before >= of ? limits_.hysteresis_percent : 0;
      const std::uint32_t at = percent > slack ? percent - slack : 0;
      return static_cast<double>(used) * 100.0 >= static_cast<double>(bound) * at && used > 0;
    };
    mark_ = reached(limits_.high_percent, Mark::high)   ? Mark::high
            : reached(limits_.warn_percent, Mark::warn) ? Mark::warn
                                                        : Mark::none;
    return mark_ != before;
  }
  [[nodiscard]] Mark mark() const { return mark_; }

 private:
  Limits limits_;
  Mark mark_ = Mark::none;
};

}  // namespace wayside::broker
