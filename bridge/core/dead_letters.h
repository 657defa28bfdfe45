// Batches that could not be decoded, kept for a person to look at: <dir>/<number, 12 digits>.batch, each the
// message as it came, behind one line of text that says which edge, range and reason.
//
// Owns     the folder.   Thread   one.   Durable  synced when keep() returns ok.
// Limits   letters_max files; the oldest goes.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "common/disk.h"

namespace wayside::bridge::core {

class DeadLetters {
 public:
  static Result<std::unique_ptr<DeadLetters>> open(Disk& disk, std::string dir, std::size_t letters_max);
  Result<void> keep(const std::string& heading, ByteView message);
  [[nodiscard]] std::size_t size() const { return names_.size(); }

 private:
  DeadLetters(Disk& disk, std::string dir, std::size_t letters_max)
      : disk_(disk), dir_(std::move(dir)), letters_max_(letters_max) {}
  Result<void> make_room();

  Disk& disk_;
  std::string dir_;
  std::size_t letters_max_;
  std::deque<std::string> names_;  // oldest first
  std::uint64_t number_ = 0;
};

}  // namespace wayside::bridge::core
