// A car's side of commands: verifies what arrives with the vehicle library, executes it and says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "common/types.h"
#include "fleet/drive/source.h"
#include "schemas/messages.h"

namespace wayside::fleet {

struct CommandTrust {
  std::string root_key_file;  // commands/root.pub
  std::string trust_dir;      // commands/trust: signed lists
  std::string region;
};

// Owns    the verifier with the ids it has executed.   Thread  one.
class Commands {
 public:
  static Result<std::unique_ptr<Commands>> load(const CommandTrust& trust, const std::string& vehicle);
  virtual ~Commands() = default;
  // Judges a request that arrived as command `id` and executes it on `source`. The acks to publish, in order:
  // RECEIVED and SUCCEEDED, or REJECTED / EXPIRED with the reason.
  virtual std::vector<schemas::CommandAckMessage> handle(ByteView request, WallMs now, Source& source) = 0;
  [[nodiscard]] virtual std::uint64_t executed() const = 0;
};

}  // namespace wayside::fleet
