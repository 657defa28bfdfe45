// A vehicle of the custody histories: QoS 0, 1 and 2 on three lanes, and it sends again until it is answered.
#pragma once

#include <array>
#include <deque>
#include <string>
#include <vector>

#include "common/mqtt/codec.h"
#include "common/rng.h"
#include "tests/simulation/custody_account.h"

namespace wayside::test {

// Owns     its messages and its session state, which outlives its connections.
// Thread   one.
// Limits   kIds publishes to acknowledge.
class CustodyVehicle {
 public:
  CustodyVehicle(std::string id, mqtt::Version version, CustodyAccount& account)
      : id_(std::move(id)), version_(version), account_(account) {}

  void connect(std::uint64_t connection);
  void publish_new(Rng& rng);
  // What was refused or waits for an identifier.
  void publish_again();
  void take(const mqtt::Packet& packet);
  void lost();

  [[nodiscard]] bool away() const { return state_ == State::away; }
  [[nodiscard]] bool done() const { return state_ == State::online && session_.empty() && outbox_.empty(); }
  [[nodiscard]] std::string what_waits() const;
  [[nodiscard]] mqtt::Version version() const { return version_; }
  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] std::uint64_t acknowledged() const { return acknowledged_; }

  std::deque<Bytes> sent;  // packets that the network takes
  std::string problem;

 private:
  enum class State : std::uint8_t { away, connecting, online };
  struct Message {
    std::string name;
    std::size_t lane = 0;
    std::size_t padding_bytes = 0;
    std::uint8_t qos = 0;
    std::uint16_t packet_id = 0;
    bool received = false;  // PUBREC came
  };
  static constexpr std::uint16_t kIds = 8;
  void send(const mqtt::Packet& packet);
  void send_publish(const Message& message, bool again);
  void on(const mqtt::Connack& connack);
  void on(const mqtt::Ack& ack);

  std::string id_;
  mqtt::Version version_;
  CustodyAccount& account_;
  State state_ = State::away;
  std::uint64_t connection_ = 0;
  bool known_ = false;            // a CONNACK came: the broker has its session
  std::vector<Message> session_;  // in the order of their first PUBLISH
  std::deque<Message> outbox_;
  unsigned last_ = 0;
  std::uint64_t last_publication_ = 0;
  std::uint64_t acknowledged_ = 0;
};

}  // namespace wayside::test
