// What a car knows at one moment: a value of one signal with its own time. The same plain value that the
// schemas build from; the journal writes it before anything is encoded.
#pragma once

#include <string>
#include <string_view>

#include "schemas/signal_batch.h"

namespace wayside::fleet {

using Value = schemas::SignalData;
using Sample = schemas::SignalValue;

// "int64", "uint64", "double", "float", "bool", "string".
std::string_view type_name(const Value& value);

}  // namespace wayside::fleet
