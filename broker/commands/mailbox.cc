#include "broker/commands/mailbox.h"

#include <chrono>
#include <utility>

namespace wayside::broker {
namespace {

template <typename Event>
const Event* held(const Posted& posted) {
  const auto* event = std::get_if<CommandEvent>(&posted.message);
  return event == nullptr ? nullptr : std::get_if<Event>(event);
}

}  // namespace

bool Mailbox::take_in(const Posted& posted) {
  if (held<CommandRequested>(posted) != nullptr) {
    if (requests_ >= messages_max_) return false;
    ++requests_;
  }
  if (const auto* ack = held<AckOffered>(posted); ack != nullptr) {
    if (acks_ >= messages_max_) return false;
    std::size_t& of_vehicle = acks_of_[ack->vehicle];
    if (of_vehicle >= acks_per_vehicle_max_) return false;
    ++of_vehicle;
    ++acks_;
  }
  return true;
}

bool Mailbox::post(Posted posted) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    if (!take_in(posted)) return false;
    posted_.push_back(std::move(posted));
  }
  wake_.notify_one();
  return true;
}

std::deque<Posted> Mailbox::wait(std::int64_t pause_ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(pause_ms), [this] { return closed_ || !posted_.empty(); });
  requests_ = acks_ = 0;
  acks_of_.clear();
  return std::exchange(posted_, {});
}

void Mailbox::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  wake_.notify_one();
}

bool Mailbox::closed() const {
  const std::lock_guard lock(mutex_);
  return closed_;
}

}  // namespace wayside::broker
