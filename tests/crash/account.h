// The account of a region that has drained and stopped: what the sink holds, what each ledger says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/result.h"
#include "fleet/region_files.h"
#include "fleet/verify.h"

namespace wayside::test {

struct Account {
  std::int64_t residual = 0;  // of all lanes, from the sink's ids and the received heads: outside the ledger
  std::uint64_t resent = 0;   // of all lanes, by the ledger
  bool ledgers_equal = true;  // every lane: edge's settlement = core's standing, cohorts included
  std::vector<std::string> sentences;
};

// True once every lane of the edge is settled up to its synced head.
Result<bool> drained(const fleet::RegionPaths& paths);
// The core must be stopped: its log is opened.
Result<Account> account(const fleet::RegionPaths& paths, const fleet::VerifyReport& sink);

}  // namespace wayside::test
