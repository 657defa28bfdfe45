// JSON text by hand: the sinks write much and read nothing. RFC 8259; strings are UTF-8 or they are base64.
#pragma once

#include <string>
#include <string_view>

#include "common/types.h"
#include "schemas/signal_batch.h"

namespace wayside::bridge::sink {

void append_string(std::string& out, std::string_view text);  // quoted and escaped
void append_field(std::string& out, std::string_view name);   // a comma unless first, then "name":
void append_time(std::string& out, WallMs at);                // quoted RFC 3339 UTC ms

// Numbers in the shortest form that reads back to the same bits; 64-bit integers as strings; NaN and the
// infinities, which JSON has no numbers for, as "NaN", "Infinity", "-Infinity".
void append_value(std::string& out, const schemas::SignalData& value);
void append_signals(std::string& out, const std::vector<schemas::SignalValue>& signals);
void append_base64(std::string& out, ByteView bytes);  // quoted

// Valid UTF-8 (RFC 3629) without control characters.
bool plain_text(ByteView bytes);

}  // namespace wayside::bridge::sink
