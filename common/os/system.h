// The operating system behind the other seams: clocks, seeds, and small file and process helpers that
// adapters and tools need. Never linked into a state machine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/clock.h"
#include "common/result.h"
#include "common/rng.h"

namespace wayside::os {

class SystemClock final : public Clock {
 public:
  [[nodiscard]] WallMs wall() const override;
  [[nodiscard]] MonoMs mono() const override;
};

std::uint64_t random_seed();  // getrandom
SpoolUuid random_uuid();      // RFC 4122 version 4
Result<Bytes> random_bytes(std::size_t count);

Result<std::string> read_file(const std::string& path, std::size_t bytes_max = 16U << 20U);
// A key or tag of so many bytes, as hex digits; white space behind them is no part of it. Fault::config for another
// text.
Result<Bytes> read_hex_file(const std::string& path, std::size_t bytes);
// Temporary file, fsync, rename, fsync of the folder. Mode as given (keys: 0600).
Result<void> write_file_atomic(const std::string& path, std::string_view content, unsigned mode);
Result<void> make_dirs(const std::string& path, unsigned mode = 0700);

// A loopback TCP port that was free a moment ago.
Result<int> free_port();
std::vector<std::pair<std::string, std::string>> environment();

// RFC 3339 UTC with milliseconds, "2025-11-19T03:12:44.120Z".
std::string rfc3339(WallMs at);

}  // namespace wayside::os
