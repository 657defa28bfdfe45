// Which core log the offsets of a sink are of. With it they are evidence for the recovery of that log, and of no other.
//
// A small whole file, `name` in `dir`: "WSFOLLOW" · 16 uuid · u64 checksum. Releases before 0.2.0 leave it alone.
#pragma once

#include <optional>
#include <string>

#include "common/disk.h"
#include "common/types.h"

namespace wayside::bridge::sink {

// nullopt: none was written, or it is damaged; then the offsets say nothing.
Result<std::optional<SpoolUuid>> followed_log(Disk& disk, const std::string& dir, const std::string& name);
// Fault::corrupt: the offsets are of another log. What that one had there is not what this one has.
Result<void> refuse_other_log(Disk& disk, const std::string& dir, const std::string& name, const SpoolUuid& log);
// For a sink that has opened: its offsets are of `log`. Durable when it returns ok.
Result<void> follow_log(Disk& disk, const std::string& dir, const std::string& name, const SpoolUuid& log);

}  // namespace wayside::bridge::sink
