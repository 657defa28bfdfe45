// What the command thread wakes up for.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <variant>

#include "broker/ports.h"
#include "command/events.h"
#include "common/types.h"

namespace wayside::broker {

// Answers of the ack lane to what the command thread offered.
struct StatusCommitted {
  command::StatusKey key;
  std::optional<Offset> offset;
};
struct AckCommitted {
  command::AckInLane ack;
};
struct Posted {
  std::variant<CommandEvent, command::Completion, StatusCommitted, AckCommitted> message;
  MonoMs at{};
};

// Owns     what was posted and not taken.
// Thread   post and close: any; wait: the command thread.
// Durable  -
// Limits   messages_max requests and as many acks, so that neither crowds out the other; the rest is bounded
//          by what it answers.
class Mailbox {
 public:
  explicit Mailbox(std::size_t messages_max) : messages_max_(messages_max) {}

  // False: it is a request or an ack and there are messages_max of its kind, or the mailbox is closed.
  [[nodiscard]] bool post(Posted posted);
  // What there is; waits for it up to `pause_ms`. Empty: the time is over, or closed().
  std::deque<Posted> wait(std::int64_t pause_ms);
  void close();
  [[nodiscard]] bool closed() const;

 private:
  const std::size_t messages_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Posted> posted_;
  std::size_t requests_ = 0;  // of posted_
  std::size_t acks_ = 0;
  bool closed_ = false;
};

}  // namespace wayside::broker
