#include "broker/session/backoff.h"

#include <algorithm>

namespace wayside::broker::session {
namespace {

constexpr std::int64_t kFirstDelayMs = 1'000;
constexpr std::int64_t kDelayMsMax = 60'000;

}  // namespace

void Backoff::refused(const std::string& id, MonoMs now) {
  Row& row = rows_[id];
  if (row.turn != 0) order_.erase(row.turn);
  // Quiet for a minute behind its last delay: it starts over.
  const bool fresh = row.delay_ms == 0 || now - row.until > kDelayMsMax;
  row.delay_ms = fresh ? kFirstDelayMs : std::min(row.delay_ms * 2, kDelayMsMax);
  row.until = now + row.delay_ms;
  row.turn = ++last_turn_;
  order_.emplace(row.turn, id);
  if (rows_.size() <= ids_max_) return;
  rows_.erase(order_.begin()->second);
  order_.erase(order_.begin());
}

std::int64_t Backoff::wait_ms(const std::string& id, MonoMs now) const {
  const auto found = rows_.find(id);
  if (found == rows_.end()) return 0;
  return std::max<std::int64_t>(0, found->second.until - now);
}

}  // namespace wayside::broker::session
