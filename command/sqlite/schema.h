// The tables of the command store, versioned by PRAGMA user_version; application_id tells a file of ours.
#pragma once

#include <optional>

#include "command/sqlite/database.h"

namespace wayside::command::sqlite {

inline constexpr int kSchemaVersion = 1;
inline constexpr int kApplicationId = 0x57534353;  // "WSCS"

// Creates the tables in an empty file. A file of another program, of a newer version or that fails
// SQLite's quick check is refused with a sentence that says which.
Result<void> prepare_schema(Database& database, const std::string& path);

// Offsets of the ack lane mean something within one spool: those of another uuid begin at 0 again (true). A file of a
// release that did not keep the uuid is taken to be of this one. Those of the spool that this one goes on for move with
// it.
Result<bool> bind_to_spool(Database& database, const SpoolUuid& spool, const std::optional<SpoolShift>& moved = {});

}  // namespace wayside::command::sqlite
