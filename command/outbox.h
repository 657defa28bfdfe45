// The way of statuses from the store's transaction into the ack lane, each exactly once.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "command/command.h"
#include "command/edge_time.h"
#include "command/store.h"

namespace wayside::command {

// Owns     the statuses that the store holds and the lane may not hold yet.
// Thread   one.   Durable  nothing: the store's outbox and the lane are; after a crash the lane is scanned
//          from the confirmed offset (found) before anything is offered.
// Limits   offered at once: kOfferedMax; held: size() is a bound of admission.
class Outbox {
 public:
  static constexpr std::size_t kOfferedMax = 256;
  static constexpr std::size_t kConfirmBatch = 64;
  static constexpr std::int64_t kConfirmLingerMs = 200;
  static constexpr std::int64_t kRetryMs = 500;

  // Committed by the store. A key that is held already is ignored.
  void add(Status status);
  // The scan met this status in the lane.
  void found(const StatusKey& key, Offset offset, MonoMs now);
  // What to offer to the lane now, in order. `first` of each: never offered by this process before.
  struct Offered {
    Status status;
    bool first = true;
  };
  std::vector<Offered> take(MonoMs now);
  // The lane's answer to an offer.
  void in_lane(const StatusKey& key, Offset offset, MonoMs now);
  void refused(const StatusKey& key, MonoMs now);

  // Everything of ours in the lane below `next` is known here: statuses, and acks in between. The lane
  // keeps the order of offers, so a status that is still on its way comes to lie above.
  void heard(std::uint64_t next, MonoMs now);

  // A confirmation worth a transaction, at most one at a time.
  std::optional<ConfirmOutbox> confirm(MonoMs now);
  void confirmed(bool durable, MonoMs now);

  [[nodiscard]] std::size_t size() const { return rows_.size(); }
  [[nodiscard]] std::optional<MonoMs> wake() const;

 private:
  enum class At : std::uint8_t { waiting, offered, in_lane, confirming };
  struct Row {
    Status status;
    At at = At::waiting;
    bool offered_before = false;
  };
  void settle_in_lane(std::map<std::uint64_t, Row>::iterator row, Offset offset, MonoMs now);

  std::map<std::uint64_t, Row> rows_;          // in order of commit
  std::map<StatusKey, std::uint64_t> by_key_;  // -> rows_
  std::uint64_t next_ = 1;
  std::size_t waiting_ = 0;
  std::size_t offered_ = 0;
  std::size_t in_lane_ = 0;
  std::uint64_t heard_ = 0;      // see heard()
  std::uint64_t confirmed_ = 0;  // durable in the store
  std::optional<MonoMs> retry_at_;
  std::optional<MonoMs> confirm_at_;
  std::optional<std::uint64_t> confirming_;  // heard_ of the confirmation in flight
};

}  // namespace wayside::command
