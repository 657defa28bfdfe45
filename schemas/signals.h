// The signals of a SignalBatch or an Event: what both formats share. Internal to schemas/.
#pragma once

#include <span>
#include <vector>

#include "flatbuffers/flatbuffers.h"
#include "schemas/gen/signals_generated.h"
#include "schemas/signal_batch.h"

namespace wayside::schemas {

using SignalVector = flatbuffers::Vector<flatbuffers::Offset<Signal>>;

// Ranges of verified signals; nullptr counts as none.
bool signals_in_range(const SignalVector* signals, std::size_t count_min, std::size_t count_max);
SignalValue signal_value(const Signal& signal);
std::vector<SignalValue> signal_values(const SignalVector* signals);
flatbuffers::Offset<SignalVector> build_signals(flatbuffers::FlatBufferBuilder& builder,
                                                std::span<const SignalValue> signals);

}  // namespace wayside::schemas
