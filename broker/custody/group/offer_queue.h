// What waits for a lane's next groups, in the order of its arrival.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include "broker/ports.h"

namespace wayside::broker {

// Records of one group as they were handed over. Entries before `next`, and `arena_at` bytes, are of earlier groups.
struct QueuedBurst {
  OfferBurst burst;
  std::function<void(const Committed&)> done;  // instead of the connections; a burst of one record
  std::size_t next = 0;
  std::size_t arena_at = 0;
  [[nodiscard]] std::size_t left() const { return burst.entries.size() - next; }
};

// Owns     the records.   Thread   under the lane's lock.   Durable  -
// Limits   the lane's queue_bytes_max; kSpareMax empty bursts are kept, so that a busy lane asks for no memory.
class OfferQueue {
 public:
  void push(Offer offer);
  // The records of `burst`, which comes back empty.
  void push(OfferBurst& burst);
  // The first `records` of the queue, appended to `group`.
  void take(std::size_t records, std::vector<QueuedBurst>& group);
  // A group that is answered.
  void recycle(std::vector<QueuedBurst>& group);

 private:
  static constexpr std::size_t kSpareMax = 8;
  static constexpr std::size_t kSpareBytesMax = 1U << 20U;
  OfferBurst spare();
  std::deque<QueuedBurst> queue_;
  std::vector<OfferBurst> spares_;
};

}  // namespace wayside::broker
