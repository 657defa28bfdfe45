#include "broker/session/outbound.h"

#include <algorithm>

#include "common/result.h"

namespace wayside::broker::session {

std::uint16_t Outbound::send(Sent what) {
  WAYSIDE_ASSERT(window_open());
  do {
    next_ = next_ == 65'535U ? 1 : static_cast<std::uint16_t>(next_ + 1);
  } while (sent_.contains(next_));
  sent_.emplace(next_, what);
  return next_;
}

std::optional<Sent> Outbound::acknowledged(std::uint16_t packet_id) {
  const auto found = sent_.find(packet_id);
  if (found == sent_.end()) return std::nullopt;
  const Sent what = found->second;
  sent_.erase(found);
  return what;
}

void Outbound::entered(std::uint16_t packet_id, bool written) {
  const auto found = sent_.find(packet_id);
  if (found == sent_.end()) return;
  if (!written) {
    sent_.erase(found);
  } else if (auto* command = std::get_if<SentCommand>(&found->second)) {
    command->written = true;
  }
}

bool Outbound::wait(WaitingMessage message) {
  if (waiting_.size() >= waiting_max_) return false;
  // Commands go before everything else that waits, in their own order.
  if (std::holds_alternative<Deliver>(message)) {
    const auto behind = std::find_if(waiting_.begin(), waiting_.end(), [](const WaitingMessage& other) {
      return !std::holds_alternative<Deliver>(other);
    });
    waiting_.insert(behind, std::move(message));
  } else {
    waiting_.push_back(std::move(message));
  }
  return true;
}

std::optional<WaitingMessage> Outbound::next_waiting() {
  if (waiting_.empty() || !window_open()) return std::nullopt;
  WaitingMessage message = std::move(waiting_.front());
  waiting_.pop_front();
  return message;
}

std::vector<intent::CommandId> Outbound::drop_waiting_commands() {
  std::vector<intent::CommandId> dropped;
  std::erase_if(waiting_, [&](const WaitingMessage& message) {
    const auto* deliver = std::get_if<Deliver>(&message);
    if (deliver != nullptr) dropped.push_back(deliver->id);
    return deliver != nullptr;
  });
  return dropped;
}

std::optional<WallMs> Outbound::earliest_deadline() const {
  std::optional<WallMs> earliest;
  for (const auto& [packet_id, what] : sent_) {
    const auto* command = std::get_if<SentCommand>(&what);
    if (command == nullptr || !command->written) continue;
    if (!earliest || command->deadline < *earliest) earliest = command->deadline;
  }
  return earliest;
}

void Outbound::forget_upstream() {
  for (auto& [packet_id, what] : sent_) {
    if (auto* proxied = std::get_if<SentProxied>(&what)) proxied->token = 0;
  }
  std::erase_if(waiting_, [](const WaitingMessage& message) { return std::holds_alternative<ProxyReceived>(message); });
}

}  // namespace wayside::broker::session
