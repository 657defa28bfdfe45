// The ledger of a spool as it lies on disk, read beside (or without) the processes that own it; nothing is written, so
// that a volume that may only be read will do.
#pragma once

#include <string>

#include "common/result.h"
#include "fleet/ledger.h"

namespace wayside::cli {

// `dir`: the spool's folder, or the state folder that holds it as spool/. Fault::not_found when there is none.
Result<fleet::VolumeLedger> read_volume(const std::string& dir);

}  // namespace wayside::cli
