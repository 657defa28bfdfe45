// The checkpoint of the core log: the standings as of some core offsets, so that recovery reads what came after and
// not everything. Written whole to a new file, synced and renamed; a checksum tells rot.
//
//   "WSCHECK1" · u32 version · 5 x (u64 accounted · u64 scan from) · u64 next sequence
//   u32 n · n x (16 uuid · s8 edge)
//   u32 n · n x (16 uuid · u8 lane · u64 next · 16 digest · totals · u16 m · m x (s8 cohort · totals))
//   version 2, read and never written: 5 x (u32 n · n x (s8 vehicle · u16 m · m x u64 source id)); window_file.h has
//   them since, so that every release reads the checkpoint
//   u64 checksum (FNV-1a 64 of everything before)          totals: 5 x u64
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bridge/core/standings.h"
#include "bridge/core/window_file.h"
#include "common/disk.h"

namespace wayside::bridge::core {

struct Checkpoint {
  std::array<Offset, kLanes> accounted{};  // core offsets below it are in the standings
  std::array<Offset, kLanes> scan_from{};  // <= accounted: the oldest request that is still open
  std::uint64_t next_sequence = 1;
  Standings standings;
  std::optional<StoredWindows> windows;  // of version 2, as of `accounted`; never written
};

Bytes encode_checkpoint(const Checkpoint& checkpoint);
Result<Checkpoint> decode_checkpoint(ByteView bytes);

// Durable when it returns ok.
Result<void> store_checkpoint(Disk& disk, const std::string& dir, const Checkpoint& checkpoint);
// nullopt: there is none.
Result<std::optional<Checkpoint>> load_checkpoint(Disk& disk, const std::string& dir);

}  // namespace wayside::bridge::core
