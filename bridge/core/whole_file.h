// A small file that is there whole or not at all: written to a new file, synced, renamed, its folder synced. Its last
// 8 bytes are a checksum of the rest, which tells rot.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/disk.h"

namespace wayside::bridge::core {

// FNV-1a 64, little-endian, appended to what is there.
void seal(Bytes& bytes);
// What was sealed, without the checksum. nullopt: damaged, or not `magic` in front.
std::optional<ByteView> unseal(ByteView bytes, std::string_view magic);

// Durable when it returns ok; on an error the file is what it was before.
Result<void> store_whole(Disk& disk, const std::string& dir, const std::string& name, ByteView bytes);
// nullopt: there is none. Larger than `bytes_max`: Fault::corrupt.
Result<std::optional<Bytes>> load_whole(Disk& disk, const std::string& dir, const std::string& name,
                                        std::uint64_t bytes_max);

}  // namespace wayside::bridge::core
