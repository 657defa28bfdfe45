// What the command thread wakes up for.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
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
// Limits   messages_max requests and as many acks, so that neither crowds out the other, and of the acks
//          acks_per_vehicle_max of one vehicle, so that a flood of acks crowds out nobody else's; the rest is bounded
//          by what it answers.
class Mailbox {
 public:
  Mailbox(std::size_t messages_max, std::size_t acks_per_vehicle_max)
      : messages_max_(messages_max), acks_per_vehicle_max_(acks_per_vehicle_max) {}

  // False: it is a request or an ack and there is no room for one more of its kind or vehicle, or the mailbox is
  // closed.
  [[nodiscard]] bool post(Posted posted);
  // What there is; waits for it up to `pause_ms`. Empty: the time is over, or closed().
  std::deque<Posted> wait(std::int64_t pause_ms);
  void close();
  [[nodiscard]] bool closed() const;

 private:
  [[nodiscard]] bool take_in(const Posted& posted);  // under the lock

  const std::size_t messages_max_;
  const std::size_t acks_per_vehicle_max_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Posted> posted_;
  std::size_t requests_ = 0;  // of posted_
  std::size_t acks_ = 0;
  std::map<std::string, std::size_t, std::less<>> acks_of_;
  bool closed_ = false;
};

}  // namespace wayside::broker
