// How long a lone publish waits for its acknowledgement, beside what the same disk needs for a bare fdatasync: the two
// are sampled in turn.
#pragma once

#include <string>
#include <vector>

#include "bench/publisher_load.h"

namespace wayside::bench {

struct CommitLatency {
  std::vector<double> publish_ms;  // sorted
  std::vector<double> sync_ms;     // sorted
};

// `dir` is a folder of the spool's volume; a file is made there and removed.
Result<CommitLatency> sample_commit_latency(PublisherLoad& load, const std::string& dir, std::size_t samples);

// Of sorted values; `share` of 0 to 1.
double quantile(const std::vector<double>& sorted, double share);

}  // namespace wayside::bench
