// Payloads of our own formats as JSON objects.
#pragma once

#include <optional>
#include <string>

#include "common/types.h"

namespace wayside::bridge::sink {

// nullopt: none of ours, or it does not verify.
std::optional<std::string> payload_json(ByteView payload);

}  // namespace wayside::bridge::sink
