// A disk in memory behind the Disk seam that forgets like a real one.
//
// kill()        a process dies: what was written stays, handles and locks are gone.
// power_loss()  the machine dies: of what was not synced each sector is kept or lost by the seed, names that
//               were not fsynced are kept up to a point of the seed, shared words may fall back to an older value.
// A failed fdatasync drops the dirty mark as kernels do: a later sync does not save those sectors.
//
// Thread: one. Sectors are written whole or not at all.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/disk.h"
#include "common/rng.h"

namespace wayside::test {

enum class SimCall : std::uint8_t { open, pwrite, pread, fdatasync, fallocate, truncate, rename, remove, fsync_dir };

class SimDisk final : public Disk {
 public:
  SimDisk();
  ~SimDisk() override;

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, OpenMode mode) override;
  // Only what waits to be written stays in memory: of what a failed sync left there, the platter's is read again.
  void let_go(const std::string& path) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> fsync_dir(const std::string& directory) override;
  Result<void> make_dir(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Result<bool> exists(const std::string& path) override;
  Result<std::unique_ptr<SharedWord>> map_word(const std::string& path, unsigned index) override;
  Result<std::unique_ptr<DiskFile>> lock(const std::string& path) override;

  // --- crashes. Objects of the dead process may be destroyed before or after; their calls fail.
  void kill();
  void power_loss(Rng& rng);

  // --- faults. The call after `skip` further ones fails, `times` in a row. A failing pwrite has written a part.
  void fail(SimCall call, Fault fault, unsigned skip = 0, unsigned times = 1);
  void clear_faults();
  // The next `times` calls take as long as `wait` does, which runs in the middle of the call.
  void slow(SimCall call, unsigned times, std::function<void()> wait);
  [[nodiscard]] std::uint64_t calls(SimCall call) const;
  [[nodiscard]] std::uint64_t fired(SimCall call) const;  // of them, made to fail
  [[nodiscard]] std::uint64_t slowed() const;
  [[nodiscard]] const std::vector<std::string>& were_let_go() const;  // paths, in order

  // --- damage, at once on the platter and in the cache.
  void flip_bit(const std::string& path, std::uint64_t byte, unsigned bit);
  void zero(const std::string& path, std::uint64_t from, std::uint64_t size);
  void erase(const std::string& path);
  [[nodiscard]] Bytes content(const std::string& path) const;
  void put(const std::string& path, Bytes content);  // synced
  [[nodiscard]] std::vector<std::string> files() const;

  // --- an old copy of the volume, and the volume put back from it: what ran dies, what was written since is gone.
  struct Image {
    std::map<std::string, Bytes> files;
    std::map<std::pair<std::string, unsigned>, std::uint64_t> words;
  };
  [[nodiscard]] Image image() const;
  void put_back(const Image& image);

  struct State;

 private:
  Result<void> rename_folder(const std::string& from, const std::string& to);

  std::shared_ptr<State> state_;
};

}  // namespace wayside::test
