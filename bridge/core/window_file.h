// The windows of source ids on disk, in a file of their own beside the checkpoint: a release that knows of no windows
// reads the checkpoint and leaves this file alone.
//
//   "WSSEEN01" · u32 version (1)
//   5 x (u64 as of · 16 digest · u32 n · n x (s8 vehicle · u16 m · m x u64 source id))
//   u64 checksum (FNV-1a 64 of everything before)
//
// Each lane's window says which core log it is of: the offset it is as of, and the chain digest of the log before that
// offset. So it needs no agreement with the checkpoint: written before it, it is newer after a death between the two;
// a release that wrote checkpoints only leaves it older. Where the log has another digest there, or no longer holds
// that offset, or is shorter, the ids are of records that this log may never have had: they are forgotten. A repeat
// that is delivered again is allowed; a record taken for the repeat of one that was never delivered would be lost.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/dedupe.h"
#include "bridge/core/wire.h"
#include "common/disk.h"
#include "common/types.h"

namespace wayside::bridge::core {

struct StoredWindow {
  Offset as_of{};                // it holds what was delivered below it
  std::optional<Digest> digest;  // of the core log before as_of; nullopt: of the checkpoint's version 2, which has none
  std::vector<SeenVehicle> seen;
};
using StoredWindows = std::array<StoredWindow, kLanes>;

// The vehicles of one lane, as the checkpoint's version 2 has them too.
void put_seen(WireWriter& out, const std::vector<SeenVehicle>& vehicles);
std::vector<SeenVehicle> get_seen(WireReader& in);

Bytes encode_windows(const StoredWindows& windows);
Result<StoredWindows> decode_windows(ByteView bytes);

// Durable when it returns ok.
Result<void> store_windows(Disk& disk, const std::string& dir, const StoredWindows& windows);
// nullopt: there is none.
Result<std::optional<StoredWindows>> load_windows(Disk& disk, const std::string& dir);

}  // namespace wayside::bridge::core
