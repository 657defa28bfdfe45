// The loss of power of one host whose processes are all dead.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"
#include "common/rng.h"
#include "tests/power/power_disk.h"

namespace wayside::test::power {

// What was at stake, and what of it went.
struct Loss {
  std::uint64_t sectors_unsynced = 0;
  std::uint64_t sectors_lost = 0;
  std::uint64_t names_unsynced = 0;  // creations, renames, removals
  std::uint64_t names_lost = 0;
  std::uint64_t words_back = 0;  // mapped words that fell to an older value

  Loss& operator+=(const Loss& other);
};

// Takes back what was not synced below `files`, as the seed decides: of the name changes of a directory the first
// few stay, as in a journal; of a file no sector stays, or all, or the first few, or each by itself, and its size is
// the old or the new one; a mapped word may be any that it was. Then everything is durable and the log is empty.
Result<Loss> lose_power(const Host& host, const std::string& files, Rng& rng);

}  // namespace wayside::test::power
