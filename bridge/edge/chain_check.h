// Is what the core holds below an offset what this volume holds there? Asked when a link session begins.
//
// A fork (a volume that came back from an old copy and grew another chain) must be told from rot (a volume that no
// longer reads what it shipped). docs/decisions/0011 says from what, and why it is enough.
#pragma once

#include <cstdint>

#include "common/result.h"
#include "spool/lane.h"

namespace wayside::bridge::edge {

enum class ChainVerdict : std::uint8_t {
  same,
  other,
  unknown,  // damage on both sides of the offset: nothing that still reads says either
};

// The core stands at `core`, above zero and at most synced; `settled` is what the volume's own log says. An error is a
// disk that does not read. Reads the records from `settled` on only where the digest alone does not decide.
Result<ChainVerdict> judge_chain(spool::LaneReader& reader, const spool::Standing& core,
                                 const spool::Standing& settled);

}  // namespace wayside::bridge::edge
