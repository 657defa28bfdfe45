// What both ends ask of a record in a batch. The encoder asks first: one record that the core would refuse must
// not cost its whole batch.
#pragma once

#include <string>
#include <string_view>

#include "common/types.h"

namespace wayside::bridge::batch {

// How a delivered record travels (RecordColumns.kind).
enum class Kind : std::uint8_t { bytes = 0, columns = 1, signal_bytes = 2 };

bool valid_record(std::string_view vehicle, std::string_view topic, std::string_view cohort, std::string_view mid);

// Topics are sent without the vehicle where they hold it: "/state" is v1/<vehicle>/state, "=x/y" is x/y.
std::string short_topic(std::string_view vehicle, std::string_view topic);
// False: it is neither form.
bool full_topic(std::string_view vehicle, std::string_view short_form, std::string& out);

// The name a cohort is counted under.
inline std::string_view counted_cohort(std::string_view cohort) { return cohort.empty() ? "other" : cohort; }

}  // namespace wayside::bridge::batch
