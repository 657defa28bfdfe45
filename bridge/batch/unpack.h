// The columns of a verified batch as records again. Everything a peer wrote is checked before it is used: every
// column has exactly its entries, every index is in range, nothing is allocated from a count that is only claimed.
#pragma once

#include <string_view>
#include <vector>

#include "bridge/batch/batch.h"
#include "bridge/batch/record_rules.h"
#include "schemas/gen/batch_generated.h"

namespace wayside::bridge::batch {

// The delivered records in order, without their offsets. BATCH_MALFORMED, or BATCH_TOO_LARGE when the payloads
// together are more than `payload_bytes_max`.
wayside::Outcome<std::vector<Delivered>> unpack(const schemas::Batch& batch, std::uint64_t payload_bytes_max);

bool valid_cohort(std::string_view cohort);

}  // namespace wayside::bridge::batch
