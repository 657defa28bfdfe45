#include "broker/custody/group/offer_queue.h"

#include <utility>

namespace wayside::broker {

OfferBurst OfferQueue::spare() {
  if (spares_.empty()) return {};
  OfferBurst burst = std::move(spares_.back());
  spares_.pop_back();
  return burst;
}

void OfferQueue::push(Offer offer) {
  QueuedBurst& queued = queue_.emplace_back();
  queued.burst.add({offer.to, offer.token, offer.opening}, offer.cohort, offer.body);
  queued.done = std::move(offer.done);
}

void OfferQueue::push(OfferBurst& burst) { queue_.emplace_back().burst = std::exchange(burst, spare()); }

void OfferQueue::take(std::size_t records, std::vector<QueuedBurst>& group) {
  while (records > 0) {
    QueuedBurst& front = queue_.front();
    if (front.left() <= records) {
      records -= front.left();
      group.push_back(std::move(front));
      queue_.pop_front();
      continue;
    }
    QueuedBurst& part = group.emplace_back();
    for (; records > 0; --records) {
      const OfferBurst::Entry& entry = front.burst.entries[front.next++];
      const ByteView bytes = ByteView(front.burst.arena).subspan(front.arena_at, entry.cohort_bytes + entry.body_bytes);
      part.burst.add(entry, as_text(bytes.first(entry.cohort_bytes)), bytes.subspan(entry.cohort_bytes));
      front.arena_at += bytes.size();
    }
  }
}

void OfferQueue::recycle(std::vector<QueuedBurst>& group) {
  for (QueuedBurst& queued : group) {
    if (spares_.size() == kSpareMax) break;
    if (queued.burst.arena.capacity() > kSpareBytesMax) continue;
    queued.burst.clear();
    spares_.push_back(std::move(queued.burst));
  }
  group.clear();
}

}  // namespace wayside::broker
