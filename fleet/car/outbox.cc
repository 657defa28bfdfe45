#include "fleet/car/outbox.h"

#include <algorithm>
#include <iterator>

namespace wayside::fleet {
namespace {

constexpr std::uint16_t kPacketIdMax = 0xFFFE;  // 0xFFFF is the subscription's

bool has_id(const std::deque<Outgoing>& messages, std::uint16_t id) {
  return std::any_of(messages.begin(), messages.end(), [&](const Outgoing& m) { return m.packet_id == id; });
}

}  // namespace

std::uint16_t Outbox::free_packet_id() {
  do {
    last_packet_id_ = last_packet_id_ >= kPacketIdMax ? 1 : static_cast<std::uint16_t>(last_packet_id_ + 1);
  } while (has_id(in_flight_, last_packet_id_) || has_id(resend_, last_packet_id_));
  return last_packet_id_;
}

Outgoing* Outbox::fly(std::deque<Outgoing>& from) {
  in_flight_.push_back(std::move(from.front()));
  from.pop_front();
  auto& message = in_flight_.back();
  if (message.packet_id == 0) message.packet_id = free_packet_id();
  return &message;
}

Outgoing* Outbox::take(std::size_t window) {
  if (in_flight_.size() >= window) return nullptr;
  if (!resend_.empty()) return fly(resend_);
  if (!urgent_.empty()) return fly(urgent_);
  const auto for_telemetry = window > kAckReserve ? window - kAckReserve : 1;
  if (waiting_.empty() || in_flight_.size() >= for_telemetry) return nullptr;
  return fly(waiting_);
}

std::optional<Outgoing> Outbox::acknowledged(std::uint16_t packet_id) {
  const auto found = std::find_if(in_flight_.begin(), in_flight_.end(),
                                  [&](const Outgoing& message) { return message.packet_id == packet_id; });
  if (found == in_flight_.end()) return std::nullopt;
  std::optional<Outgoing> message(std::move(*found));
  in_flight_.erase(found);
  return message;
}

Outgoing* Outbox::received(std::uint16_t packet_id) {
  const auto found = std::find_if(in_flight_.begin(), in_flight_.end(), [&](const Outgoing& message) {
    return message.packet_id == packet_id && message.qos2 && !message.received;
  });
  if (found == in_flight_.end()) return nullptr;
  found->received = true;
  return &*found;
}

void Outbox::session_lost() {
  std::erase_if(resend_, [](const Outgoing& message) { return message.received; });
}

void Outbox::connection_lost() {
  for (auto& message : in_flight_) message.sent_before = true;
  resend_.insert(resend_.begin(), std::make_move_iterator(in_flight_.begin()),
                 std::make_move_iterator(in_flight_.end()));
  in_flight_.clear();
}

}  // namespace wayside::fleet
