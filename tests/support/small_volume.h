// A small real volume of a test's own, mounted where nobody else sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace wayside::test {

// Runs `body` on a thread with a mount namespace of its own: what it mounts only it and its children see, and it
// goes with them. Exceptions of the body pass through. Returns why this is not permitted here, or nothing.
std::optional<std::string> in_mount_namespace(const std::function<void()>& body);

enum class VolumeKind : std::uint8_t { ext4, tmpfs };
const char* to_string(VolumeKind kind);

// Owns    one mount at an existing folder, inside in_mount_namespace.
// Thread  that of the namespace.
class SmallVolume {
 public:
  // Of ext4: an image beside the folder, through a loop device that the mount owns.
  SmallVolume(VolumeKind kind, std::string folder, std::uint64_t bytes);
  ~SmallVolume();
  SmallVolume(const SmallVolume&) = delete;
  SmallVolume& operator=(const SmallVolume&) = delete;

  // Nothing: it is mounted. Else why it cannot be.
  [[nodiscard]] const std::optional<std::string>& refused() const { return refused_; }
  [[nodiscard]] std::uint64_t free_bytes() const;
  // Takes all of what is free with one file; gives it back.
  void fill();
  void make_room();
  // Read-only and writable again.
  bool remount(bool read_only);

 private:
  std::string folder_;
  std::optional<std::string> refused_;
};

}  // namespace wayside::test
