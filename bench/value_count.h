// Counts signal values on both ends of a run: those the cars were told were taken, and those that arrived.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/result.h"

namespace wayside::bench {

// Values in the messages of a journal that were acknowledged.
Result<std::uint64_t> acked_values(const std::string& journal);

// Owns    how far it has read each file.   Thread  one.
// Counts the values in the *.jsonl files of a growing folder; each byte is read once, half lines wait.
class ArrivedValues {
 public:
  explicit ArrivedValues(std::string folder) : folder_(std::move(folder)) {}
  // All that were there at any call so far.
  Result<std::uint64_t> count();

 private:
  Result<void> read_on(const std::string& file, std::uint64_t& read_to);

  std::string folder_;
  std::map<std::string, std::uint64_t> read_to_;
  std::uint64_t values_ = 0;
};

}  // namespace wayside::bench
