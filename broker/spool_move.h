// A spool whose volume went back in time: the bridge has closed it, and its records move to one of another uuid while
// this process has no volume open (spool/move.h).
#pragma once

#include "common/clock.h"
#include "common/config/config.h"
#include "common/disk.h"
#include "spool/move.h"

namespace wayside::broker {

// Before custody opens the volume: a move that a death interrupted is finished, none begins.
Result<void> finish_move(Disk& disk, const Clock& clock, const config::Config& config);
// After a clean drain. What it did is logged; on an error the volume goes on as it is, or, once the move has begun,
// the next start fails with the same error.
spool::MoveOutcome move_spool(Disk& disk, const Clock& clock, const config::Config& config);

}  // namespace wayside::broker
