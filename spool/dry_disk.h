// A disk that only reads: what would change a byte is noted and not done. Recovery run over it says what an open
// would do, in recovery's own words, beside a process that uses the volume.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/disk.h"

namespace wayside::spool {

// Owns     the notes.   Thread   one.   Durable  nothing.
// Limits   kNotesMax notes; further changes are not made either.
// Shared words are copies of the moment they were mapped, so that one look at a lane is one moment of it. What a
// caller writes it does not read back: enough for recovery, which looks before it writes.
class DryDisk final : public Disk {
 public:
  static constexpr std::size_t kNotesMax = 1000;

  // `below` must outlive this.
  explicit DryDisk(Disk& below) : below_(below) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override;
  void expect_reads(const std::vector<std::string>& paths) override { below_.expect_reads(paths); }
  void let_go(const std::string& path) override { below_.let_go(path); }
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> fsync_dir(const std::string& directory) override;
  Result<void> make_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override;
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override;  // Fault::denied: a lock is a change

  // What would have been done, in order: "cut <path> at 33280".
  [[nodiscard]] const std::vector<std::string>& notes() const { return *notes_; }

 private:
  void note(std::string what);

  Disk& below_;
  std::shared_ptr<std::vector<std::string>> notes_ = std::make_shared<std::vector<std::string>>();
};

}  // namespace wayside::spool
