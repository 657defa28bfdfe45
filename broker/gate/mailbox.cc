#include "broker/gate/mailbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "common/result.h"

namespace wayside::broker::gate {

Mailbox::Mailbox(std::size_t events_max) : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), events_max_(events_max) {
  WAYSIDE_ASSERT(fd_ >= 0);
}

Mailbox::~Mailbox() { ::close(fd_); }

void Mailbox::post(Message message) {
  const bool event = std::holds_alternative<ServiceEvent>(message);
  bool first = false;
  {
    const std::scoped_lock lock(mutex_);
    if (event && events_ >= events_max_) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    events_ += event ? 1 : 0;
    first = waiting_.empty();
    waiting_.push_back(std::move(message));
  }
  if (!first) return;  // whoever was first has woken the thread
  const std::uint64_t one = 1;
  const ssize_t wrote = ::write(fd_, &one, sizeof one);
  WAYSIDE_ASSERT(wrote == sizeof one);
}

void Mailbox::take(std::vector<Message>& out) {
  std::uint64_t count = 0;
  const ssize_t got = ::read(fd_, &count, sizeof count);  // EAGAIN: woken by something else
  static_cast<void>(got);
  out.clear();
  const std::scoped_lock lock(mutex_);
  out.swap(waiting_);
  events_ = 0;
}

}  // namespace wayside::broker::gate
