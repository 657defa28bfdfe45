// The ledger of a spool as it lies on disk, read beside (or without) the processes that own it.
#pragma once

#include <string>

#include "common/result.h"
#include "fleet/ledger.h"

namespace wayside::cli {

// `root` is the spool's folder (<state_dir>/spool). Fault::not_found when there is none.
Result<fleet::VolumeLedger> read_volume(const std::string& root);

}  // namespace wayside::cli
