// A small file that is there whole or not at all: written beside its place, synced, renamed, its folder synced.
#pragma once

#include <memory>
#include <string>

#include "common/disk.h"

namespace wayside::spool {

// Durable when it returns ok, with the file open; on an error what stood at `dir`/`name` stands there still. What an
// earlier try left beside it is removed.
Result<std::unique_ptr<DiskFile>> replace_file(Disk& disk, const std::string& dir, const std::string& name,
                                               ByteView bytes);

}  // namespace wayside::spool
