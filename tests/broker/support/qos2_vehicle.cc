#include "tests/broker/support/qos2_vehicle.h"

#include <algorithm>

namespace wayside::test {
namespace {

constexpr std::uint16_t kIds = 3;

}  // namespace

void Qos2Vehicle::send(const mqtt::Packet& packet) {
  Bytes bytes;
  mqtt::encode(packet, version_, bytes);
  sent.push_back(std::move(bytes));
}

void Qos2Vehicle::connect(bool clean) {
  mqtt::Connect packet;
  packet.version = version_;
  packet.client_id = id_;
  // Who threw the session away asks for a clean start until one is answered [MQTT-3.2.2-4].
  packet.clean_start = clean_ = clean || start_anew_;
  if (version_ == mqtt::Version::v5) packet.properties.session_expiry_s = 3'600;
  if (clean_) {
    give_up();
    session_kept_ = false;
    start_anew_ = true;
  }
  state_ = State::connecting;
  send(packet);
}

// A clean session of 3.1.1 ends with its connection, for the vehicle too [MQTT-3.1.2-6].
void Qos2Vehicle::lost() {
  if (online() && !session_kept_) give_up();
  state_ = State::away;
}

void Qos2Vehicle::give_up() {
  counts_.abandoned += session_.size();
  session_.clear();
}

void Qos2Vehicle::publish_next(bool fresh) {
  if (!online() || session_.size() >= kIds || (outbox_.empty() && !fresh)) return;
  if (outbox_.empty()) outbox_.push_back("m" + std::to_string(++last_));
  std::uint16_t packet_id = 1;
  const auto taken = [&] {
    return std::any_of(session_.begin(), session_.end(), [&](const Message& m) { return m.packet_id == packet_id; });
  };
  while (taken()) ++packet_id;
  session_.push_back({outbox_.front(), packet_id, false});
  outbox_.pop_front();
  ++counts_.published;
  send_publish(session_.back(), false);
}

void Qos2Vehicle::send_publish(const Message& message, bool again) {
  const bool event = message.payload.back() % 2 == 0;
  const std::string topic = "v1/" + id_ + (event ? "/event/door" : "/state/Vehicle/Speed");
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = as_bytes(message.payload);
  packet.qos = 2;
  packet.dup = again;
  packet.packet_id = message.packet_id;
  counts_.repeats += again ? 1 : 0;
  send(packet);
}

void Qos2Vehicle::take(const mqtt::Packet& packet) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) return on(*connack);
  const auto* ack = std::get_if<mqtt::Ack>(&packet);
  if (ack == nullptr || !online()) return;
  if (ack->kind == mqtt::AckKind::pubrec) return on_pubrec(*ack);
  if (ack->kind == mqtt::AckKind::pubcomp) return on_pubcomp(*ack);
}

void Qos2Vehicle::on(const mqtt::Connack& connack) {
  if (connack.reason != 0) return lost();
  if (connack.session_present && clean_) problem = "a clean start has a session";
  if (!connack.session_present && session_kept_) problem = "a session that was kept is gone";
  if (!connack.session_present) give_up();
  start_anew_ = false;
  session_kept_ = version_ == mqtt::Version::v5 || !clean_;
  state_ = State::online;
  for (const Message& message : session_) {
    if (message.received) {
      send_pubrel(message.packet_id);
    } else {
      send_publish(message, true);
    }
  }
}

void Qos2Vehicle::on_pubrec(const mqtt::Ack& ack) {
  const auto at = std::find_if(session_.begin(), session_.end(),
                               [&](const Message& message) { return message.packet_id == ack.packet_id; });
  if (at == session_.end()) return;
  if (ack.reason >= 0x80) {
    ++counts_.refused;
    if (stored(at->payload) != 0) problem = at->payload + " was refused and is in the lane";
    outbox_.push_back(at->payload);
    session_.erase(at);
    return;
  }
  const std::size_t times = stored(at->payload);
  if (times != 1) problem = at->payload + " has PUBREC and is " + std::to_string(times) + " times in the lane";
  at->received = true;
  send_pubrel(at->packet_id);
}

void Qos2Vehicle::on_pubcomp(const mqtt::Ack& ack) {
  const auto at = std::find_if(session_.begin(), session_.end(),
                               [&](const Message& message) { return message.packet_id == ack.packet_id; });
  if (at == session_.end()) return;
  if (!at->received) problem = at->payload + " has PUBCOMP without PUBREC";
  ++counts_.completed;
  session_.erase(at);
}

}  // namespace wayside::test
