#include "bridge/batch/decimal.h"

#include <array>
#include <bit>
#include <cmath>

namespace wayside::bridge::batch {
namespace {

// Exact as doubles, so that one division is the only rounding.
constexpr std::array<double, kDecimalsMax + 1> kPowers = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
constexpr double kExactMax = 9'007'199'254'740'992.0;  // 2^53: integers up to here are exact

std::optional<std::int64_t> nearest(double value, unsigned decimals) {
  const double scaled = std::nearbyint(value * kPowers.at(decimals));
  if (!(std::fabs(scaled) < kExactMax)) return std::nullopt;  // NaN and infinity too
  return static_cast<std::int64_t>(scaled);
}

}  // namespace

double decimal_to_double(std::int64_t n, unsigned decimals) { return static_cast<double>(n) / kPowers.at(decimals); }
float decimal_to_float(std::int64_t n, unsigned decimals) { return static_cast<float>(decimal_to_double(n, decimals)); }

std::optional<std::int64_t> decimal_of(double value, unsigned decimals) {
  const auto n = nearest(value, decimals);
  if (!n || std::bit_cast<std::uint64_t>(decimal_to_double(*n, decimals)) != std::bit_cast<std::uint64_t>(value)) {
    return std::nullopt;
  }
  return n;
}

std::optional<std::int64_t> decimal_of(float value, unsigned decimals) {
  const auto n = nearest(static_cast<double>(value), decimals);
  if (!n || std::bit_cast<std::uint32_t>(decimal_to_float(*n, decimals)) != std::bit_cast<std::uint32_t>(value)) {
    return std::nullopt;
  }
  return n;
}

}  // namespace wayside::bridge::batch
