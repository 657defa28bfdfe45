// What a car still has to say: messages waiting, and those in flight until their PUBACK, with QoS 2 until PUBCOMP.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/types.h"

namespace wayside::fleet {

struct Outgoing {
  std::uint64_t sequence = 0;  // of the journal; 0: not journalled (command acks)
  std::string topic;
  Bytes payload;
  std::uint16_t packet_id = 0;  // given at the first sending
  bool sent_before = false;
  bool qos2 = false;
  bool received = false;  // PUBREC came: PUBREL is what is still to be said
};

// Owns    the messages.   Thread  one.   Durable  -
// Limits  waiting_max messages wait; at most `window` are in flight, kAckReserve of them for acks alone.
class Outbox {
 public:
  static constexpr std::size_t kAckReserve = 4;  // acks of commands never wait behind telemetry

  explicit Outbox(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  [[nodiscard]] bool full() const { return waiting_.size() >= waiting_max_; }
  [[nodiscard]] bool empty() const { return waiting() == 0 && in_flight_.empty(); }
  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
  [[nodiscard]] std::size_t waiting() const { return resend_.size() + urgent_.size() + waiting_.size(); }

  void put(Outgoing message) { waiting_.push_back(std::move(message)); }
  void put_urgent(Outgoing message) { urgent_.push_back(std::move(message)); }

  // The next message to write within `window`, moved into flight with a packet identifier; nullptr: none.
  Outgoing* take(std::size_t window);
  // The QoS 2 message in flight that this PUBREC answers for the first time; nullptr: none. It stays in flight.
  Outgoing* received(std::uint16_t packet_id);
  // The message that this PUBACK, PUBCOMP or refusal ends, if there is one.
  std::optional<Outgoing> acknowledged(std::uint16_t packet_id);
  // The connection is gone: what was in flight waits again, first and in its order (MQTT 5 4.4).
  void connection_lost();
  // The server has no session: PUBREL has nothing to release there.
  void session_lost();

 private:
  std::uint16_t free_packet_id();
  Outgoing* fly(std::deque<Outgoing>& from);

  std::size_t waiting_max_;
  std::deque<Outgoing> resend_;  // was in flight on the connection before
  std::deque<Outgoing> urgent_;
  std::deque<Outgoing> waiting_;
  std::deque<Outgoing> in_flight_;  // in the order of sending
  std::uint16_t last_packet_id_ = 0;
};

}  // namespace wayside::fleet
