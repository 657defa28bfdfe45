#include "cli/status/words.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace wayside::cli {
namespace {

constexpr double kMinute = 60;
constexpr double kHour = 3'600;
constexpr double kDay = 86'400;

template <typename... Values>
std::string print(const char* format, Values... values) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), format, values...);
  return text.data();
}

std::string grouped(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

}  // namespace

std::string duration_text(double seconds) {
  if (std::isinf(seconds)) return "never";
  if (seconds < 0) return "-" + duration_text(-seconds);
  if (seconds < 9.95) return print("%.1f s", seconds);
  const long long whole = std::llround(seconds);
  if (whole < 60) return print("%lld s", whole);
  if (seconds < kHour) return print("%lld:%02lld", whole / 60, whole % 60);
  if (seconds < 2 * kDay) {
    const auto minutes = static_cast<long long>(seconds / kMinute);
    return print("%lld h %lld m", minutes / 60, minutes % 60);
  }
  return print("%lld d", static_cast<long long>(seconds / kDay));
}

std::string count_text(double count) {
  if (count < 0) return "-" + count_text(-count);
  if (count < 10 && count != std::floor(count)) return print("%.1f", count);
  if (count < 999'999.5) return grouped(static_cast<std::uint64_t>(std::llround(count)));
  if (count < 99.95e6) return print("%.1f M", count / 1e6);
  if (count < 999.5e6) return print("%.0f M", count / 1e6);
  return print("%.1f G", count / 1e9);
}

std::string bytes_text(double bytes) {
  constexpr double kStep = 1024;
  if (bytes < kStep) return print("%.0f B", bytes);
  for (const char* unit : {"KiB", "MiB", "GiB"}) {
    bytes /= kStep;
    if (bytes < kStep) return print(bytes < 99.95 ? "%.1f %s" : "%.0f %s", bytes, unit);
  }
  return print("%.1f TiB", bytes / kStep);
}

}  // namespace wayside::cli
