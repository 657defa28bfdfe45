#include "broker/commands/mailbox.h"

#include <chrono>
#include <utility>

namespace wayside::broker {
namespace {

template <typename Event>
bool holds(const Posted& posted) {
  const auto* event = std::get_if<CommandEvent>(&posted.message);
  return event != nullptr && std::holds_alternative<Event>(*event);
}

}  // namespace

bool Mailbox::post(Posted posted) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    std::size_t* const bounded = holds<CommandRequested>(posted) ? &requests_
                                 : holds<AckOffered>(posted)     ? &acks_
                                                                 : nullptr;
    if (bounded != nullptr) {
      if (*bounded >= messages_max_) return false;
      ++*bounded;
    }
    posted_.push_back(std::move(posted));
  }
  wake_.notify_one();
  return true;
}

std::deque<Posted> Mailbox::wait(std::int64_t pause_ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(pause_ms), [this] { return closed_ || !posted_.empty(); });
  requests_ = acks_ = 0;
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
