// Credits (design section 7): a cumulative limit per lane and link session, counted in framed spool bytes of
// the offset range since the session's first NEXT. Replanning and resending cost nothing, because a byte is
// counted by its offset and not by how often it was sent.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/types.h"

namespace wayside::bridge::link {

// The core's side of one lane and session.
// Limits: limit() never falls within a session; what it allows beyond `accepted` is at most `window`.
class CreditIssuer {
 public:
  // `room`: bytes the core log can still take. The floor is granted to command and ack whatever the room,
  // because what the log keeps for them is reserved.
  std::uint64_t issue(std::uint64_t window, std::uint64_t floor, std::uint64_t room) {
    limit_ = std::max(limit_, accepted_ + std::max(std::min(window, room), floor));
    return limit_;
  }
  // False: the edge sent beyond what it was allowed.
  [[nodiscard]] bool may_accept(std::uint64_t framed_bytes) const {
    return framed_bytes <= limit_ && accepted_ <= limit_ - framed_bytes;
  }
  void accept(std::uint64_t framed_bytes) { accepted_ += framed_bytes; }
  // What was accepted is durable; or it is not, will be sent again and is charged then.
  void keep() { kept_ = accepted_; }
  void revert() { accepted_ = kept_; }
  [[nodiscard]] std::uint64_t limit() const { return limit_; }
  [[nodiscard]] std::uint64_t accepted() const { return accepted_; }

 private:
  std::uint64_t accepted_ = 0;
  std::uint64_t kept_ = 0;
  std::uint64_t limit_ = 0;
};

enum class CreditOutcome : std::uint8_t { raised, unchanged, invalid };

// The edge's side of one lane and session.
// Limits: a limit more than `ahead_max` bytes beyond what was sent is no credit but an error of the core.
class CreditHolder {
 public:
  explicit CreditHolder(std::uint64_t ahead_max) : ahead_max_(ahead_max) {}
  [[nodiscard]] CreditOutcome raise(std::uint64_t limit, std::uint64_t planned) {
    if (limit > planned + ahead_max_) return CreditOutcome::invalid;
    if (limit <= limit_) return CreditOutcome::unchanged;  // restated, or overtaken on the way
    limit_ = limit;
    return CreditOutcome::raised;
  }
  [[nodiscard]] std::uint64_t left(std::uint64_t planned) const { return limit_ > planned ? limit_ - planned : 0; }

 private:
  std::uint64_t ahead_max_;
  std::uint64_t limit_ = 0;
};

}  // namespace wayside::bridge::link
