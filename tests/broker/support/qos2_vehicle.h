// A vehicle that follows MQTT to the letter: it sends again until PUBCOMP, and gives up only with its session.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "common/mqtt/codec.h"
#include "tests/broker/support/qos2_world.h"

namespace wayside::test {

// Owns: its messages and its session state, which outlives its connections. Identifiers are few, so that each is used
// for many messages.
class Qos2Vehicle {
 public:
  Qos2Vehicle(std::string id, mqtt::Version version, Qos2Counts& counts)
      : id_(std::move(id)), version_(version), counts_(counts) {}

  void connect(bool clean);
  // Publishes the next message when an identifier is free. `fresh`: a new one if none waits.
  void publish_next(bool fresh);
  void take(const mqtt::Packet& packet);
  void lost();

  [[nodiscard]] bool away() const { return state_ == State::away; }
  [[nodiscard]] bool online() const { return state_ == State::online; }
  [[nodiscard]] bool done() const { return session_.empty() && outbox_.empty(); }
  [[nodiscard]] mqtt::Version version() const { return version_; }

  std::deque<Bytes> sent;  // packets that the network takes
  std::string problem;
  // How often a payload is in a lane, synced.
  std::function<std::size_t(const std::string& payload)> stored;

 private:
  enum class State : std::uint8_t { away, connecting, online };
  struct Message {
    std::string payload;
    std::uint16_t packet_id = 0;
    bool received = false;  // PUBREC came
  };
  void send(const mqtt::Packet& packet);
  void send_publish(const Message& message, bool again);
  void send_pubrel(std::uint16_t packet_id) { send(mqtt::Ack{mqtt::AckKind::pubrel, packet_id, 0, {}}); }
  void on(const mqtt::Connack& connack);
  void on_pubrec(const mqtt::Ack& ack);
  void on_pubcomp(const mqtt::Ack& ack);
  void give_up();

  std::string id_;
  mqtt::Version version_;
  Qos2Counts& counts_;
  State state_ = State::away;
  bool clean_ = false;         // of the CONNECT that was sent last
  bool session_kept_ = false;  // a CONNACK said so, and nothing was done against it since
  bool start_anew_ = false;
  std::vector<Message> session_;  // in the order of their first PUBLISH
  std::deque<std::string> outbox_;
  unsigned last_ = 0;
};

}  // namespace wayside::test
