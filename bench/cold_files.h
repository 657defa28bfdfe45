// Files without their pages in memory, and what the disk gives when they are read from the first byte to the last.
#pragma once

#include <cstdint>
#include <string>

#include "common/result.h"

namespace wayside::bench {

// Syncs every file and folder below `root` and drops their pages. Fails where pages stay: nothing measured after
// that would be cold.
Result<void> drop_pages(const std::string& root);

struct PlainRead {
  std::uint64_t bytes = 0;
  double seconds = 0;
};
// Reads every segment below `root`, folder by folder in order of name, by read calls of 1 MiB, `threads` at a time.
Result<PlainRead> read_plainly(const std::string& root, unsigned threads);
// The same files as verify reads them, past the page cache and ahead, `threads` readers side by side.
Result<PlainRead> read_ahead(const std::string& root, unsigned threads);

}  // namespace wayside::bench
