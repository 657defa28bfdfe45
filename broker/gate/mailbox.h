// The way into an I/O thread.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "broker/gate/message.h"

namespace wayside::broker::gate {

// Owns: an eventfd and what waits. Thread: post from any, the rest from the I/O thread.
// Limits: events_max ServiceEvents (beyond: dropped, counted); everything else is bounded by what the
// thread itself offered, opened and saved, and is never dropped.
class Mailbox {
 public:
  explicit Mailbox(std::size_t events_max);
  ~Mailbox();
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  void post(Message message);
  // Everything that waits, in order, in place of what `out` held.
  void take(std::vector<Message>& out);
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

  // Service connections of this thread: without any, ServiceEvents are not worth a message.
  std::atomic<std::uint32_t> services{0};

 private:
  const int fd_;
  const std::size_t events_max_;
  std::mutex mutex_;
  std::vector<Message> waiting_;
  std::size_t events_ = 0;
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace wayside::broker::gate
