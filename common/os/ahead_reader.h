// Files read before they are asked for: in order, in pieces, by threads that keep the device busy while another one
// works on what has come.
#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/types.h"

namespace wayside::os {

// Owns     kInFlight threads, each with a descriptor, and one buffer.
// Thread   the methods: one.
// Durable  -
// Limits   kInFlight pieces of kPieceBytes; of a file what it held when it was named.
// Past the page cache where the file system can: nothing is copied twice, what is checked is what the device holds,
// and a process that works on the same volume keeps its pages.
class AheadReader {
 public:
  static constexpr std::size_t kPieceBytes = 1U << 20U;
  static constexpr std::size_t kInFlight = 4;

  struct File {
    std::string path;
    std::uint64_t bytes = 0;
    std::uint64_t first_piece = 0;  // numbers run through all files
  };

  explicit AheadReader(const std::vector<std::string>& paths);
  ~AheadReader();
  AheadReader(const AheadReader&) = delete;
  AheadReader& operator=(const AheadReader&) = delete;

  // nullptr: it was not named, or could not be looked at.
  [[nodiscard]] const File* find(const std::string& path) const;
  // Pieces below `number` are not wanted any more; those up to kInFlight from there on are read.
  void release_below(std::uint64_t number);
  [[nodiscard]] std::uint64_t released() const { return released_; }
  // Waits for a piece in [released(), released() + kInFlight); valid until it is released. Shorter than the file has
  // it: it could not be read, and why is told by who reads it plainly.
  ByteView piece(std::uint64_t number);

 private:
  struct FreeBuffer {
    void operator()(std::uint8_t* buffer) const;
  };
  struct Slot {
    std::optional<std::uint64_t> number;  // of the piece that lies in it
    std::size_t bytes = 0;
  };

  void run(std::size_t slot);
  [[nodiscard]] std::uint8_t* buffer_of(std::size_t slot) const { return buffer_.get() + slot * kPieceBytes; }
  bool await_turn(std::uint64_t number);  // false: stop

  std::vector<File> files_;  // in order of first_piece
  std::uint64_t pieces_ = 0;
  std::mutex mutex_;
  std::condition_variable read_;
  std::condition_variable wanted_;
  std::unique_ptr<std::uint8_t, FreeBuffer> buffer_;  // of kInFlight pieces
  std::array<Slot, kInFlight> slots_;                 // piece n lies in slot n % kInFlight
  std::uint64_t released_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace wayside::os
