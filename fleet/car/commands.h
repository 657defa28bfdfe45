// A car's side of commands: the vehicle library judges what arrives, the car executes it and says so.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"
#include "fleet/drive/source.h"
#include "schemas/messages.h"
#include "vehicle/verifier.h"

namespace wayside::fleet {

// What every car of a region is provisioned with.
struct CommandTrust {
  intent::PublicKey root_key{};
  std::string region;
  std::vector<Bytes> lists;  // signed trust and revocation lists
};

// Owns    the verifier and its storage.   Thread  one.
// Durable the ids it has executed, in `state_dir`/<vehicle>.
class Commands {
 public:
  static Result<std::unique_ptr<Commands>> open(Disk& disk, const std::string& state_dir, const std::string& vehicle,
                                                const CommandTrust& trust);

  // Judges a request and executes it on `source`. The acks to publish, in order: RECEIVED and SUCCEEDED; or
  // REJECTED or EXPIRED with the reason; none for bytes that do not even name a command.
  std::vector<schemas::CommandAckMessage> handle(ByteView request, WallMs now, Source& source);
  [[nodiscard]] std::uint64_t executed() const { return executed_; }

 private:
  Commands(std::unique_ptr<vehicle::DiskStorage> storage, vehicle::Verifier verifier)
      : storage_(std::move(storage)), verifier_(std::move(verifier)) {}
  std::unique_ptr<vehicle::DiskStorage> storage_;
  vehicle::Verifier verifier_;
  std::uint64_t executed_ = 0;
};

}  // namespace wayside::fleet
