// What the managed local broker is told: its configuration file, and which versions will do.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace wayside::broker {

struct MosquittoFiles {
  std::string socket;           // the only listener; its folder is ours alone (0700)
  std::string persistence_dir;  // in state_dir
  bool as_root = false;         // we run as root: without this line it would drop to a user of its own
};
std::string mosquitto_config(const MosquittoFiles& files);

struct MosquittoVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const MosquittoVersion&) const = default;
};
inline constexpr MosquittoVersion kMosquittoVersionMin = {2, 0, 18};  // earlier ones have bugs that bite here
// From the first line of `mosquitto -h`: "mosquitto version 2.0.21".
std::optional<MosquittoVersion> parse_mosquitto_version(std::string_view help);
// Runs `executable -h`. Fault::unsupported below the minimum, not_found when it cannot be started.
Result<MosquittoVersion> check_mosquitto(const std::string& executable);

}  // namespace wayside::broker
