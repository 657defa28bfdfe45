#include "tests/simulation/custody_vehicle.h"

#include <algorithm>

namespace wayside::test {
namespace {

constexpr std::array<const char*, 3> kTopics = {"/event/door", "/state/Vehicle/Speed", "/bulk/log"};
constexpr std::size_t kPaddingMax = 30'000;

}  // namespace

void CustodyVehicle::send(const mqtt::Packet& packet) {
  Bytes bytes;
  mqtt::encode(packet, version_, bytes);
  sent.push_back(std::move(bytes));
}

void CustodyVehicle::connect(std::uint64_t connection) {
  mqtt::Connect packet;
  packet.version = version_;
  packet.client_id = id_;
  packet.clean_start = false;
  if (version_ == mqtt::Version::v5) packet.properties.session_expiry_s = 36'000;
  state_ = State::connecting;
  connection_ = connection;
  send(packet);
}

void CustodyVehicle::lost() {
  state_ = State::away;
  sent.clear();
}

void CustodyVehicle::publish_new(Rng& rng) {
  Message message;
  message.name = id_ + ".m" + std::to_string(++last_);
  message.qos = static_cast<std::uint8_t>(rng.below(3));
  message.lane = rng.below(kTopics.size());
  message.padding_bytes = rng.below(kPaddingMax);
  if (message.qos > 0) return outbox_.push_back(std::move(message)), publish_again();
  if (state_ == State::online) send_publish(message, false);
}

void CustodyVehicle::publish_again() {
  while (state_ == State::online && session_.size() < kIds && !outbox_.empty()) {
    Message message = std::move(outbox_.front());
    outbox_.pop_front();
    message.packet_id = 1;
    const auto taken = [&](const Message& m) { return m.packet_id == message.packet_id; };
    while (std::any_of(session_.begin(), session_.end(), taken)) ++message.packet_id;
    session_.push_back(message);
    send_publish(message, false);
  }
}

void CustodyVehicle::send_publish(const Message& message, bool again) {
  const std::string topic = "v1/" + id_ + kTopics.at(message.lane);
  const std::string name = account_.published({message.name, connection_, ++last_publication_, message.qos,
                                               version_ == mqtt::Version::v311 && message.qos > 0});
  const std::string payload = name + ' ' + std::string(message.padding_bytes, '.');
  mqtt::Publish packet;
  packet.topic = topic;
  packet.payload = as_bytes(payload);
  packet.qos = message.qos;
  packet.dup = again;
  packet.packet_id = message.packet_id;
  send(packet);
}

std::string CustodyVehicle::what_waits() const {
  std::string out = id_ + (away() ? " is away" : "") + " waits for";
  for (const Message& message : session_) {
    out += " " + message.name + " QoS " + std::to_string(message.qos) + (message.received ? " received" : "");
  }
  return out + " and has " + std::to_string(outbox_.size()) + " more";
}

void CustodyVehicle::take(const mqtt::Packet& packet) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) return on(*connack);
  if (const auto* ack = std::get_if<mqtt::Ack>(&packet); ack != nullptr && state_ == State::online) on(*ack);
}

void CustodyVehicle::on(const mqtt::Connack& connack) {
  if (connack.reason != 0) return lost();
  if (!connack.session_present && known_) problem = id_ + ": a session that was kept is gone";
  known_ = true;
  state_ = State::online;
  for (const Message& message : session_) {
    if (message.received) {
      send(mqtt::Ack{mqtt::AckKind::pubrel, message.packet_id, 0, {}});
    } else {
      send_publish(message, true);
    }
  }
}

void CustodyVehicle::on(const mqtt::Ack& ack) {
  const auto at = std::find_if(session_.begin(), session_.end(),
                               [&](const Message& message) { return message.packet_id == ack.packet_id; });
  if (at == session_.end()) return;
  // A PUBCOMP that does not know the identifier ends it too: it was released before.
  if (ack.reason >= 0x80 && ack.kind != mqtt::AckKind::pubcomp) {
    outbox_.push_back(*at);
    session_.erase(at);
    return;
  }
  if (ack.kind == mqtt::AckKind::pubrec) {
    at->received = true;
    return send(mqtt::Ack{mqtt::AckKind::pubrel, ack.packet_id, 0, {}});
  }
  ++acknowledged_;
  session_.erase(at);
}

}  // namespace wayside::test
