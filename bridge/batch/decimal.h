// Doubles and floats that are short decimal fractions: value = n / 10^decimals, correctly rounded (IEEE 754).
// What sensors report mostly is; n is an integer that changes little from sample to sample.
#pragma once

#include <cstdint>
#include <optional>

namespace wayside::bridge::batch {

inline constexpr unsigned kDecimalsMax = 9;

// n with `decimals` digits, if to_double / to_float of it gives back the very bits.
std::optional<std::int64_t> decimal_of(double value, unsigned decimals);
std::optional<std::int64_t> decimal_of(float value, unsigned decimals);
double decimal_to_double(std::int64_t n, unsigned decimals);
float decimal_to_float(std::int64_t n, unsigned decimals);

}  // namespace wayside::bridge::batch
