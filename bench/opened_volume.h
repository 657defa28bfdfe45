// Opening a volume as the broker does, with a watch beside it; and whether the ledger is what the writer left.
#pragma once

#include "bench/edge_files.h"
#include "bench/lane_maker.h"

namespace wayside::bench {

// Seconds until every lane is recovered and its ledger is right: broker::Custody, in this process.
Result<double> time_custody(const EdgeFiles& edge, MakerPage& page, MakerEnd end);
// Seconds from exec of the real wayside-broker until its ports.json is there, which it writes when it serves. It is
// stopped afterwards.
Result<double> time_broker(const EdgeFiles& edge, const std::string& program, const std::string& log_file);

}  // namespace wayside::bench
