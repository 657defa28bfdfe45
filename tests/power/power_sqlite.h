// SQLite's files on the disk that loses power: a VFS around SQLite's own, which tells the host what it does.
#pragma once

#include <memory>

#include "common/result.h"
#include "tests/power/host_files.h"

namespace wayside::test::power {

// Every database that this process opens from now on, with its journals. Once a process; a second call gives it another
// host, while no database is open.
//
// The shared memory of a write-ahead log is not lost: SQLite makes it anew where nobody holds it. What SQLite syncs of
// directories it does below its VFS, so it is known from its rules: with the first sync of a journal that it created,
// and with a removal that asks for it.
Result<void> use_for_sqlite(std::shared_ptr<HostFiles> host);

}  // namespace wayside::test::power
