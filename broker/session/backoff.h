// Reconnects of an id that was refused: delayed, doubling from one second up to 60.
//
// Owns: one row an id. Thread: one (the gate locks around it). Limits: ids_max rows; the row that was
// refused longest ago gives way.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/types.h"

namespace wayside::broker::session {

class Backoff {
 public:
  explicit Backoff(std::size_t ids_max = 65'536) : ids_max_(ids_max) {}
  // The id was refused in a way that it will repeat.
  void refused(const std::string& id, MonoMs now);
  // How long the id still has to wait; 0: it may connect.
  [[nodiscard]] std::int64_t wait_ms(const std::string& id, MonoMs now) const;
  [[nodiscard]] std::size_t size() const { return rows_.size(); }

 private:
  struct Row {
    MonoMs until{};
    std::int64_t delay_ms = 0;
    std::uint64_t turn = 0;  // key in order_
  };
  std::size_t ids_max_;
  std::uint64_t last_turn_ = 0;
  std::map<std::string, Row, std::less<>> rows_;
  std::map<std::uint64_t, std::string> order_;  // oldest refusal first
};

}  // namespace wayside::broker::session
