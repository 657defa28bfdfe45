// CRC-32C (Castagnoli, RFC 3720 B.4): SSE4.2 and PCLMULQDQ where the processor has them, tables elsewhere, chosen at
// run time.
#pragma once

#include <cstdint>

#include "common/types.h"

namespace wayside::spool {

// Continues `crc` (0 to begin) over `bytes`.
std::uint32_t crc32c(std::uint32_t crc, ByteView bytes);

// The fallback by itself, so that a test can compare the two.
std::uint32_t crc32c_portable(std::uint32_t crc, ByteView bytes);
bool crc32c_is_hardware();

}  // namespace wayside::spool
