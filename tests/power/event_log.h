// What happened to the files of one host since its last loss of power, in the order in which it happened: enough to
// take back everything that was not synced.
//
// One file for all processes of the host. Each event is one append, so that the file's order is the order of the
// events; it is written before what it tells of, except that a sync is told after it succeeded. A process that is
// killed in the middle of an append leaves half an event, which is passed over: what it tells of never happened.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/result.h"
#include "common/types.h"

namespace wayside::test::power {

inline constexpr std::uint64_t kSectorBytes = 512;

enum class EventKind : std::uint8_t {
  created,   // path, inode; told after it happened
  renamed,   // path -> to; grave: where what stood at `to` is kept
  removed,   // path, inode; grave
  dir_sync,  // path: the directory
  written,   // inode; size before; first, count: sectors; old: what they held
  resized,   // inode; size before; first, count: sectors that are cut; old
  synced,    // inode
  word,      // path, first: index, size: value
};

// Events are plain values: only the fields that the kind names mean something.
struct Event {
  EventKind kind{};
  std::string path{};
  std::string to{};
  std::string grave{};
  std::uint64_t inode = 0;
  std::uint64_t replaced = 0;  // inode of what stood at `to`
  std::uint64_t size = 0;
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  std::vector<std::pair<std::uint64_t, Bytes>> old{};  // by sector; one that is not here held zeros or nothing
};

// Owns    a descriptor.   Thread  any.   Durable  survives the death of processes, as the page cache does.
class EventLog {
 public:
  static Result<EventLog> open(const std::string& file);
  EventLog(EventLog&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;
  ~EventLog();
  Result<void> append(const Event& event);

 private:
  explicit EventLog(int descriptor) : descriptor_(descriptor) {}
  int descriptor_;
};

// An empty or missing file is no events.
Result<std::vector<Event>> read_events(const std::string& file);

}  // namespace wayside::test::power
