#include "broker/custody/volume_probe.h"

#include <memory>

#include "spool/format.h"

namespace wayside::broker {

Result<void> probe_volume(Disk& disk, const std::string& path) {
  Result<std::unique_ptr<DiskFile>> file = disk.open(path, OpenMode::read_write);
  if (!file.ok()) file = disk.open(path, OpenMode::create_new);
  if (!file.ok()) return std::move(file).error();
  Result<void> done = (*file)->fallocate(spool::kAllocateStepBytes);
  if (done.ok()) done = (*file)->pwrite(as_bytes("wayside"), 0);
  if (done.ok()) done = (*file)->fdatasync();
  const Result<void> given_back = (*file)->truncate(0);  // also of what was reserved before it failed
  return done.ok() ? given_back : done;
}

}  // namespace wayside::broker
