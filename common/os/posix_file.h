// An open file descriptor as a DiskFile. Internal to common/os.
#pragma once

#include <string>

#include "common/disk.h"

namespace wayside::os {

// Owns: the descriptor. Thread: one.
class PosixFile final : public DiskFile {
 public:
  PosixFile(int descriptor, std::string path) : descriptor_(descriptor), path_(std::move(path)) {}
  ~PosixFile() override;
  PosixFile(const PosixFile&) = delete;
  PosixFile& operator=(const PosixFile&) = delete;

  Result<void> pwrite(ByteView bytes, std::uint64_t at) override;
  Result<void> pread(Bytes& out, std::size_t size, std::uint64_t at) override;
  Result<void> fdatasync() override;
  Result<void> fallocate(std::uint64_t size) override;
  Result<void> truncate(std::uint64_t size) override;
  Result<std::uint64_t> size() override;

 private:
  int descriptor_;
  std::string path_;
};

}  // namespace wayside::os
