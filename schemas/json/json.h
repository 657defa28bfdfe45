// Our formats as JSON text, for people (`wayside decode`) and for the sinks.
#pragma once

#include <string>

#include "common/result.h"
#include "common/types.h"
#include "schemas/json/writer.h"
#include "schemas/signal_batch.h"

namespace wayside::schemas {

// One JSON object on one line. Takes every FlatBuffer with a file identifier of ours, a batch inside its
// zstd frame, and the signed framing (one, or an intent with its grant; signatures are shown, not checked).
// Fault::malformed: claims to be ours and does not verify. Fault::unsupported: claims nothing.
Result<std::string> to_json(ByteView payload);

// {"path","t","v"}: a signal as every sink writes it.
void write_signal(JsonWriter& json, const SignalValue& signal);
void write_value(JsonWriter& json, const SignalData& value);

}  // namespace wayside::schemas
