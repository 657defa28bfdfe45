// The MQTT 5 conversation of one upstream with the local broker: bytes in, bytes and events out.
//
// The upstream speaks with packet identifiers of its own. What the gate knows are tokens: the ones it gave
// (publish, subscribe) and the ones it got (received messages), which carry the generation of this
// connection, so that an acknowledgement of an older one is swallowed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "broker/session/proxy_port.h"
#include "common/mqtt/packet.h"

namespace wayside::broker {

struct UpstreamLimits {
  std::size_t packet_bytes_max = 1U << 20U;
  std::size_t waiting_bytes_max = 256U << 10U;  // before CONNACK or beyond the broker's Receive Maximum
  std::size_t output_bytes_max = 1U << 20U;     // encoded and not yet taken by the socket
  std::uint16_t receive_maximum = 64;           // messages that the vehicle may leave unacknowledged
};

// What happened that is worth a counter; the owner takes and clears it.
struct UpstreamCounts {
  std::uint64_t reserved_topic = 0;  // the local broker sent on v1/ or any row that is not its own: dropped
  std::uint64_t stale_ack = 0;       // acknowledgement of an older generation, swallowed
  std::uint64_t shed = 0;            // QoS 0 with a full queue
};

// Owns     buffers and identifiers of one connection; no socket.
// Thread   one.
// Durable  -
// Limits   UpstreamLimits.
class UpstreamSession {
 public:
  UpstreamSession(std::uint64_t generation, UpstreamLimits limits) : generation_(generation), limits_(limits) {}

  // Puts CONNECT into the output: clean start, no session, keep alive 0, no will, from scratch.
  void connect(const std::string& client_id);
  // Decodes what arrived. After a ProxyDown nothing more is done.
  void received(ByteView bytes, MonoMs now, std::vector<session::ProxyEvent>& out);
  // PINGREQ when the broker insists on a keep alive of its own.
  void tick(MonoMs now);
  [[nodiscard]] MonoMs next_tick() const { return next_ping_; }

  [[nodiscard]] bool publish(std::uint64_t token, const session::ProxyMessage& message);
  [[nodiscard]] bool subscribe(std::uint64_t token, const std::vector<session::ProxyFilter>& filters);
  [[nodiscard]] bool unsubscribe(std::uint64_t token, const std::vector<std::string>& filters);
  void ack(std::uint64_t token);
  void disconnect();

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] bool down() const { return down_; }
  [[nodiscard]] ByteView output() const { return ByteView(output_).subspan(output_at_); }
  void output_taken(std::size_t bytes);
  UpstreamCounts take_counts();

 private:
  struct Waiting {
    std::uint64_t token;
    session::ProxyMessage message;
    std::size_t bytes;
  };
  void handle(const mqtt::Packet& packet, MonoMs now, std::vector<session::ProxyEvent>& out);
  void on_connack(const mqtt::Connack& connack, MonoMs now, std::vector<session::ProxyEvent>& out);
  void on_publish(const mqtt::Publish& publish, std::vector<session::ProxyEvent>& out);
  void on_ack(const mqtt::Ack& ack, std::vector<session::ProxyEvent>& out);
  void on_suback(std::uint16_t packet_id, const std::vector<std::uint8_t>& reasons, bool subscribed,
                 std::vector<session::ProxyEvent>& out);
  void end(std::vector<session::ProxyEvent>& out);
  void send(const session::ProxyMessage& message, std::uint16_t packet_id);
  void send_waiting();
  [[nodiscard]] bool room_for(std::size_t bytes) const;
  std::uint16_t new_packet_id();
  void write(const mqtt::Packet& packet);

  const std::uint64_t generation_;
  const UpstreamLimits limits_;
  bool connected_ = false;
  bool down_ = false;
  std::uint16_t window_ = 1;  // the broker's Receive Maximum
  std::int64_t ping_every_ms_ = 0;
  MonoMs next_ping_{-1};
  Bytes input_;
  Bytes output_;
  std::size_t output_at_ = 0;
  Bytes requests_;  // SUBSCRIBE and UNSUBSCRIBE from before CONNACK
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::uint16_t last_packet_id_ = 0;
  std::map<std::uint16_t, std::uint64_t> publishes_;  // packet id -> token, to be acknowledged to us
  std::map<std::uint16_t, std::uint64_t> subscribes_;
  std::map<std::uint16_t, std::uint64_t> unsubscribes_;
  std::map<std::uint64_t, std::uint16_t> unacknowledged_;  // token -> packet id, to be acknowledged by us
  std::uint64_t received_tokens_ = 0;
  UpstreamCounts counts_;
};

}  // namespace wayside::broker
