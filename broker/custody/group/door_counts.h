// Counts at the door of custody (design section 5): offered = committed + refused + shed + waiting.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker {

struct LaneDoor {
  std::uint64_t offered = 0;
  std::uint64_t committed = 0;
  std::map<std::string, std::uint64_t> refused;  // by reason code
  std::map<std::string, std::uint64_t> shed;     // by reason code
};

// Owns     one counter a lane and outcome.
// Thread   any.
// Durable  only what the owner persists with text(), once a second: a crash may lose the last second.
// Limits   the number of reasons.
class DoorCounts {
 public:
  DoorCounts();
  void offered(Lane lane, std::uint64_t count = 1);
  void committed(Lane lane, std::uint64_t count);
  void refused(Lane lane, Reason reason);
  // Dropped before it was offered (QoS 0 over budget or with a full lane): counts as offered too.
  void shed(Lane lane, Reason reason);

  [[nodiscard]] LaneDoor lane(Lane lane) const;
  // One line a count: "<lane> offered|committed <n>", "<lane> refused|shed <REASON> <n>"; only what is not 0.
  [[nodiscard]] std::string text() const;
  // Adds counts of an earlier life; lines that do not parse are skipped and returned.
  std::vector<std::string> adopt(std::string_view text);
  // Takes what was offered and never answered out of `offered`: a death cut it off. Returns how many.
  std::uint64_t forget_waiting();

 private:
  using Count = std::atomic<std::uint64_t>;
  struct Row {
    Count offered{0};
    Count committed{0};
    std::vector<Count> refused;
    std::vector<Count> shed;
  };
  bool adopt_line(std::string_view line);
  [[nodiscard]] Row& row(Lane lane) { return rows_[index_of(lane)]; }

  std::array<Row, kLanes> rows_;
};

}  // namespace wayside::broker
