// wayside-broker as a function of its command line and of the disk it runs on.
#pragma once

#include <memory>

#include "common/disk.h"

namespace wayside::broker {

// Exit status: 0 drained, 1 could not run, 2 usage or configuration. Everything of the spool goes through `disk`;
// the two SQLite databases and small files written whole (os::write_file_atomic) do not.
int run_command_line(int argc, char** argv, std::unique_ptr<Disk> disk);

}  // namespace wayside::broker
