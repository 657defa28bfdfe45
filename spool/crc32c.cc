#include "spool/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
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
__attribute__((target("sse4.2"))) std::uint32_t crc32c_sse42(std::uint32_t crc, ByteView bytes) {
  std::uint64_t state = ~crc;
  const std::uint8_t* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    state = _mm_crc32_u64(state, word);
  }
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
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
  return has;
#else
  return false;
#endif
}

std::uint32_t crc32c(std::uint32_t crc, ByteView bytes) {
#if defined(__x86_64__)
  if (crc32c_is_hardware()) return crc32c_sse42(crc, bytes);
#endif
  return crc32c_portable(crc, bytes);
}

}  // namespace wayside::spool
