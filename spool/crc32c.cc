#include "spool/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#include <wmmintrin.h>
#endif

namespace wayside::spool {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78U;  // reflected

using Table = std::array<std::array<std::uint32_t, 256>, 4>;

constexpr Table make_table() {
  Table table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? (crc >> 1U) ^ kPolynomial : crc >> 1U;
    table[0][i] = crc;
  }
  for (std::size_t i = 0; i < 256; ++i) {
    for (std::size_t k = 1; k < 4; ++k) table[k][i] = (table[k - 1][i] >> 8U) ^ table[0][table[k - 1][i] & 0xFFU];
  }
  return table;
}

constexpr Table kTable = make_table();

#if defined(__x86_64__)
// One crc instruction waits three cycles for the one before it, and three can be under way. So a block is read in
// three lanes, and the first two are moved over what follows them by a carry-less multiplication.
constexpr std::size_t kLaneBytes = 64;
constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::size_t kBlockBytes = 3 * kLaneBytes + kWordBytes;

// x^n modulo the polynomial, bits reversed as the crc's are.
constexpr std::uint32_t power_of_x(std::size_t n) {
  std::uint32_t power = 0x80000000U;
  for (; n > 0; --n) power = (power & 1U) != 0 ? (power >> 1U) ^ kPolynomial : power >> 1U;
  return power;
}
// The product is 33 bits short of the distance: one for the reversal, 32 that the crc of the next word adds.
constexpr std::uint32_t kOverTwoLanes = power_of_x((2 * kLaneBytes + kWordBytes) * 8 - 33);
constexpr std::uint32_t kOverOneLane = power_of_x((kLaneBytes + kWordBytes) * 8 - 33);

std::uint64_t word_at(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, kWordBytes);
  return word;
}

__attribute__((target("sse4.2,pclmul"))) std::uint64_t moved(std::uint64_t crc, std::uint32_t distance) {
  const __m128i product = _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)),
                                               _mm_cvtsi32_si128(static_cast<int>(distance)), 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

__attribute__((target("sse4.2,pclmul"))) std::uint64_t crc_of_block(std::uint64_t state, const std::uint8_t* at) {
  std::uint64_t second = 0;
  std::uint64_t third = 0;
  for (std::size_t i = 0; i < kLaneBytes; i += kWordBytes) {
    state = _mm_crc32_u64(state, word_at(at + i));
    second = _mm_crc32_u64(second, word_at(at + kLaneBytes + i));
    third = _mm_crc32_u64(third, word_at(at + 2 * kLaneBytes + i));
  }
  const std::uint64_t both = moved(state, kOverTwoLanes) ^ moved(second, kOverOneLane);
  return _mm_crc32_u64(third, word_at(at + 3 * kLaneBytes) ^ both);
}

__attribute__((target("sse4.2,pclmul"))) std::uint32_t crc32c_x86(std::uint32_t crc, ByteView bytes) {
  std::uint64_t state = ~crc;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kBlockBytes; left -= kBlockBytes, at += kBlockBytes) state = crc_of_block(state, at);
  for (; left >= kWordBytes; left -= kWordBytes, at += kWordBytes) state = _mm_crc32_u64(state, word_at(at));
  auto tail = static_cast<std::uint32_t>(state);
  for (; left > 0; --left, ++at) tail = _mm_crc32_u8(tail, *at);
  return ~tail;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, ByteView bytes) {
  std::uint32_t state = ~crc;
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    state ^= static_cast<std::uint32_t>(bytes[i]) | static_cast<std::uint32_t>(bytes[i + 1]) << 8U |
             static_cast<std::uint32_t>(bytes[i + 2]) << 16U | static_cast<std::uint32_t>(bytes[i + 3]) << 24U;
    state = kTable[3][state & 0xFFU] ^ kTable[2][(state >> 8U) & 0xFFU] ^ kTable[1][(state >> 16U) & 0xFFU] ^
            kTable[0][state >> 24U];
  }
  for (; i < bytes.size(); ++i) state = (state >> 8U) ^ kTable[0][(state ^ bytes[i]) & 0xFFU];
  return ~state;
}

bool crc32c_is_hardware() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
  return has;
#else
  return false;
#endif
}

std::uint32_t crc32c(std::uint32_t crc, ByteView bytes) {
#if defined(__x86_64__)
  if (crc32c_is_hardware()) return crc32c_x86(crc, bytes);
#endif
  return crc32c_portable(crc, bytes);
}

}  // namespace wayside::spool
