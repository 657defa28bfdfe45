// A small file that is there whole or not at all: written beside its place, synced, renamed, its folder synced.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/disk.h"

namespace wayside {

// Behind the name until the file takes its place. What a death left there is found by it again, so it may not change.
inline constexpr std::string_view kBesideSuffix = ".new";

// Durable when it returns ok. On an error `dir`/`name` is whole still, the one before or this one. What an earlier try
// left beside it is removed.
Result<void> store_whole(Disk& disk, const std::string& dir, const std::string& name, ByteView bytes,
                         std::string_view beside = kBesideSuffix);
// The same, and the file stays open.
Result<std::unique_ptr<DiskFile>> replace_whole(Disk& disk, const std::string& dir, const std::string& name,
                                                ByteView bytes, std::string_view beside = kBesideSuffix);

// nullopt: there is none. Larger than `bytes_max`: Fault::corrupt.
Result<std::optional<Bytes>> load_whole(Disk& disk, const std::string& dir, const std::string& name,
                                        std::uint64_t bytes_max);

}  // namespace wayside
