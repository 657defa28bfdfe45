// The checksum at the end of the small files of this folder, which tells rot.
#pragma once

#include <optional>
#include <string_view>

#include "common/types.h"

namespace wayside::bridge::core {

// FNV-1a 64, little-endian, appended to what is there.
void seal(Bytes& bytes);
// What was sealed, without the checksum. nullopt: damaged, or not `magic` in front.
std::optional<ByteView> unseal(ByteView bytes, std::string_view magic);

}  // namespace wayside::bridge::core
