// Where the vehicle library keeps what must survive a restart: a few small named blobs. An integrator
// brings an own Storage (NVRAM, a database); DiskStorage is one over the Disk seam.
#pragma once

#include <map>
#include <string>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::vehicle {

class Storage {
 public:
  virtual ~Storage() = default;
  // Empty when nothing was stored under this name.
  virtual Result<Bytes> load(const std::string& name) = 0;
  // Replaces the blob. All or nothing, and durable when it returns ok.
  virtual Result<void> store(const std::string& name, ByteView content) = 0;
};

// Owns     the files <dir>/<name>. Thread one.
// Durable  temporary file, fdatasync, rename, fsync of the folder.
class DiskStorage final : public Storage {
 public:
  static Result<DiskStorage> open(Disk& disk, const std::string& dir);
  Result<Bytes> load(const std::string& name) override;
  Result<void> store(const std::string& name, ByteView content) override;

 private:
  DiskStorage(Disk& disk, std::string dir) : disk_(&disk), dir_(std::move(dir)) {}
  Disk* disk_;
  std::string dir_;
};

// For simulated vehicles that never restart.
class MemoryStorage final : public Storage {
 public:
  Result<Bytes> load(const std::string& name) override { return blobs_[name]; }
  Result<void> store(const std::string& name, ByteView content) override {
    blobs_[name].assign(content.begin(), content.end());
    return {};
  }

 private:
  std::map<std::string, Bytes> blobs_;
};

}  // namespace wayside::vehicle
