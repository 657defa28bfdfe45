// A place that keeps records durably, as the spool bench drives it: a lane of the spool, or a table of SQLite.
#pragma once

#include <memory>
#include <string>

#include "common/result.h"
#include "common/types.h"

namespace wayside::bench {

// What a sequential read saw: equal on both sides, or the two did not keep the same records.
struct ReadSum {
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
  std::uint64_t sum = 0;  // of the bodies' words
};

// Owns     its files in a folder of its own.   Thread   one.
// Durable  every record of append() once it returned ok.
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  // One group: `count` times this body, numbered on, made durable together.
  virtual Result<void> append(ByteView body, std::uint64_t count) = 0;
  virtual Result<ReadSum> read_all() = 0;
};

// `dir` is made; nothing may be there yet.
Result<std::unique_ptr<RecordStore>> open_spool_store(const std::string& dir);
Result<std::unique_ptr<RecordStore>> open_sqlite_store(const std::string& dir);

}  // namespace wayside::bench
