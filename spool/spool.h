// The spool: the lanes of one volume and the volume's identity.
#pragma once

#include <memory>
#include <string>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::spool {

// Layout of a volume:
//   <root>/spool.uuid    identity, made once (magic, version, 16 bytes, crc)
//   <root>/writer.lock   held by the broker (or the core log); a second opener is Fault::locked
//   <root>/settle.lock   held by `bridge edge`
//   <root>/<lane>/       segments, settlement.log, pages
struct Volume {
  std::string root;
  SpoolUuid uuid;
  std::unique_ptr<DiskFile> lock;  // held as long as this lives
  [[nodiscard]] std::string lane_dir(Lane lane) const { return root + "/" + to_string(lane); }
};

enum class VolumeRole : std::uint8_t { writer, settler, reader };  // reader takes no lock

// Opens the volume at `root`. A writer creates it with `fresh` where none is; others fail not_found.
Result<Volume> open_volume(Disk& disk, const std::string& root, VolumeRole role, const SpoolUuid& fresh);

}  // namespace wayside::spool
