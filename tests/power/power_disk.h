// The real disk, with a memory of what is not synced yet.
//
// Reads, writes, names, locks and mapped words go to the files at once, so that other processes of the host see them
// as they would through the page cache; what stood there before is told to the host's event log. When every process
// of the host is dead, lose_power() takes back what was not synced.
#pragma once

#include <memory>
#include <string>

#include "common/disk.h"

namespace wayside::test::power {

// A mistake of the product, planted below it: the call says it did its work and did nothing. segment_sync: the sync of
// the spool's and the core log's segments alone; sqlite_sync: every sync of SQLite, as with synchronous=OFF.
enum class Planted : std::uint8_t { none, fdatasync, fsync_dir, segment_sync, sqlite_sync };

// One machine: its files lose what was not synced together.
struct Host {
  std::string dir;  // of the event log and the graves; on the volume of the files, not among them
  [[nodiscard]] std::string events() const { return dir + "/events"; }
  [[nodiscard]] std::string graves() const { return dir + "/graves"; }
};

// Makes the folder of the host when it is not there. A sync takes `sync_ms` longer than it would.
Result<std::unique_ptr<Disk>> make_power_disk(const Host& host, Planted planted, int sync_ms = 0);

// The disk of a program, and of the databases that it opens: host `name` in the folder that the environment names, with
// the mistake that it names. Ends the process where the environment names none.
inline constexpr const char* kDirVariable = "POWER_LOSS_DIR";
inline constexpr const char* kPlantVariable =
    "POWER_LOSS_PLANTED";  // "fdatasync", "fsync_dir", "segment_sync", "sqlite_sync"
std::unique_ptr<Disk> disk_of_program(const std::string& name);

}  // namespace wayside::test::power
