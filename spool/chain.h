// The chain digest of a lane: XXH3-128 over (digest before, offset, time, body), one link a record, beginning
// with all zero. Two logs with equal digests at equal offsets hold the same records.
#pragma once

#include "common/types.h"

namespace wayside::spool {

Digest chain(const Digest& before, Offset offset, WallMs time, ByteView body);

// Where a digest comes from.
enum class DigestSource : std::uint8_t {
  made_up,  // behind damage: nobody knows what it was
  linked,   // through intact records from a stored one
  stored,   // as the file has it
};

// Stands for the digest after an offset whose record is gone, or behind one in its group: made up from the digest that
// the file stores next, or from the last one known where it stores none. What is stored next wins as soon as it is
// reached, and more damage on the way to it changes nothing.
Digest chain_lost(const Digest& known, Offset offset);

}  // namespace wayside::spool
