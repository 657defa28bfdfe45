// At a start: the QoS 2 records of a lane that the session store may not know of.
#pragma once

#include "broker/gate/sqlite_session_store.h"
#include "common/disk.h"
#include "spool/spool.h"

namespace wayside::broker {

// Custody has recovered the lanes before; the volume outlives the scan. What rotted is passed: its sender sends it
// again, and it becomes a record of its own.
gate::ReceiptScan scan_of_receipts(Disk& disk, const spool::Volume& volume);

}  // namespace wayside::broker
