// A compressed tar archive, made in memory and written whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "common/result.h"
#include "common/types.h"

namespace wayside::cli {

enum class Packing : std::uint8_t { zstd, gzip };
// By the ending of the name: .tar.zst or .tar.gz. False: it has another.
bool packing_of(const std::string& path, Packing& packing);

// Owns    the archive's bytes.   Thread  one.   Durable -   Limits: the caller's.
class Archive {
 public:
  explicit Archive(WallMs made) : made_(made) {}
  // A file of mode 0600. Names have at most 100 bytes.
  void add(const std::string& name, std::string_view content);
  // The end marks added, packed.
  [[nodiscard]] Result<std::string> packed(Packing packing) const;

 private:
  WallMs made_;
  std::string tar_;
};

// Mode 0600, synced, and only then under its name. Fault::exists where something has that name: it is left alone.
Result<void> write_new_file(const std::string& path, std::string_view content);

}  // namespace wayside::cli
