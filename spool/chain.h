// The chain digest of a lane: XXH3-128 over (digest before, offset, time, body), one link a record, beginning
// with all zero. Two logs with equal digests at equal offsets hold the same records.
#pragma once

#include "common/types.h"

namespace wayside::spool {

Digest chain(const Digest& before, Offset offset, WallMs time, ByteView body);

// The link of an offset whose record is gone, where no stored digest says what it was. Wherever a group or a
// segment stores the digest that comes after the damage, the stored one wins.
Digest chain_lost(const Digest& before, Offset offset);

}  // namespace wayside::spool
