// One simulated car: samples its source, journals, publishes at least once, resends, executes commands.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fleet/car/backoff.h"
#include "fleet/car/commands.h"
#include "fleet/car/connection.h"
#include "fleet/car/journal.h"
#include "fleet/car/outbox.h"
#include "fleet/drive/source.h"

namespace wayside::fleet {

struct CarOptions {
  std::string vehicle;
  std::int64_t interval_ms = 0;    // between two frames; 0: as fast as the window allows
  std::uint64_t frames_max = 0;    // 0: until told to finish
  std::uint64_t event_every = 20;  // every n-th frame is followed by an event; 0: none
  std::size_t waiting_messages_max = 4096;
  std::size_t window = 64;       // in flight; the server's Receive Maximum bounds it further
  std::uint64_t qos2_every = 0;  // every n-th message is published with QoS 2; 0: none
  std::uint32_t session_expiry_s = 3600;
  std::uint16_t keep_alive_s = 20;
  std::int64_t backoff_max_ms = 2000;
  std::uint64_t seed = 0;
};

struct CarStats {
  std::uint64_t frames = 0, acked = 0, refused = 0, resent = 0, skipped = 0, connects = 0, bytes = 0;
  std::uint64_t commands = 0;  // executed
};

// Owns    its connection, source, outbox.   Thread  one (the pool's).
// Durable what the journal has synced.
// Limits  waiting_messages_max frames wait; beyond that no new frame is sampled (`skipped` counts).
class Car {
 public:
  Car(CarOptions options, std::unique_ptr<Source> source, std::unique_ptr<Commands> commands, Journal& journal,
      std::shared_ptr<const TlsClient> tls, Endpoint to);

  // Samples what is due, connects when it is time, fills the window. Nothing leaves before flush().
  void step(MonoMs now, WallMs wall);
  // Reads and writes the socket, handles what came.
  void pump(MonoMs now, WallMs wall);
  // Writes what was said: called when the journal has it.
  void flush(MonoMs now);
  // When step() has something to do again.
  [[nodiscard]] MonoMs due() const;

  // The radio goes away without a word, and comes back.
  void go_offline(MonoMs now);
  void come_back(MonoMs now);
  // No further frame; what waits is still sent.
  void finish() { finished_ = true; }
  // From the next connection on: another server, whose session, if it has one, is none of what is in hand.
  void redirect(Endpoint to);
  // Clean end: DISCONNECT.
  void say_goodbye();

  [[nodiscard]] const std::string& vehicle() const { return options_.vehicle; }
  [[nodiscard]] const Connection* connection() const { return connection_.get(); }
  [[nodiscard]] std::uint64_t connection_number() const { return connection_number_; }
  [[nodiscard]] bool online() const { return ready_; }
  [[nodiscard]] bool idle() const { return outbox_.empty(); }
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] std::size_t in_flight() const { return outbox_.in_flight(); }
  [[nodiscard]] std::size_t waiting() const { return outbox_.waiting(); }
  [[nodiscard]] const CarStats& stats() const { return stats_; }
  [[nodiscard]] const std::string& last_failure() const { return last_failure_; }

 private:
  void sample_due(MonoMs now, WallMs wall);
  void sample_frame(WallMs wall);
  void sample_event(WallMs at, const std::vector<Sample>& samples);
  void connect(MonoMs now);
  void lost(MonoMs now, const std::string& why);
  void send_connect();
  void keep_alive(MonoMs now);
  void fill_window(MonoMs now);
  void handle(const mqtt::Packet& packet, MonoMs now, WallMs wall);
  void on_connack(const mqtt::Connack& connack, MonoMs now);
  void put(Outgoing message);
  void on_ack(const mqtt::Ack& ack, WallMs wall);
  void answered(std::uint64_t sequence, std::uint8_t reason, WallMs wall);
  void on_command(const mqtt::Publish& publish, WallMs wall);

  CarOptions options_;
  std::unique_ptr<Source> source_;
  std::unique_ptr<Commands> commands_;
  Journal& journal_;
  std::shared_ptr<const TlsClient> tls_;
  Endpoint to_;
  Outbox outbox_;
  Backoff backoff_;
  std::unique_ptr<Connection> connection_;
  std::uint64_t connection_number_ = 0;  // counts attempts: tells two connections on one descriptor apart
  bool connect_sent_ = false;
  bool ready_ = false;  // CONNACK said yes
  bool session_present_ = false;
  bool session_known_ = false;  // the server's session is one of ours: a car that starts has no QoS 2 in hand
  bool offline_ = false;
  bool finished_ = false;
  std::size_t window_;
  std::uint64_t sequence_;
  std::int64_t last_t_ms_ = 0;
  std::optional<MonoMs> next_frame_;
  MonoMs next_connect_{};
  MonoMs last_sent_{};
  MonoMs last_received_{};
  CarStats stats_;
  std::string last_failure_;
};

}  // namespace wayside::fleet
