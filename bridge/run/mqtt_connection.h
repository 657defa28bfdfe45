// One connection to the core broker: Eclipse Paho behind a mailbox.
//
// Owns     a Paho client, the queue of publishes beyond the window, the inbox of what arrived.
// Thread   everything but the Paho callbacks runs on the owner's thread. Callbacks only put into the inbox, count
//          and wake: a slow one would stall every client of the process.
// Durable  -  Clean start, no session: the link acknowledges for itself, a broker's PUBACK is no acceptance.
// Limits   window publishes unacknowledged (at most the server's Receive Maximum), queue_bytes_max waiting,
//          inbox_bytes_max unread. What does not fit is dropped and counted; the link resends.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bridge/run/paho_words.h"
#include "common/rng.h"
#include "common/types.h"

namespace wayside::bridge::run {

struct MqttMessage {
  std::string topic;
  Bytes payload;
  std::string response_topic;
  Bytes correlation;
  std::vector<std::pair<std::string, std::string>> user;  // properties
  std::uint64_t token = 0;                                // of a publish: comes back in `acked`
};

struct MqttOptions {
  std::string address;  // host:port
  std::string client_id;
  std::string ca;
  std::string certificate;
  std::string key;
  int keep_alive_s = 10;
  std::vector<std::string> filters;
  unsigned window = 16;
  std::uint64_t queue_bytes_max = 128U << 20U;
  std::uint64_t inbox_bytes_max = 128U << 20U;
  std::int64_t backoff_min_ms = 100;
  std::int64_t backoff_max_ms = 5'000;
};

// What happened since the last poll, in order.
struct MqttHappened {
  // failed: an attempt to come up. down: it was up.
  enum class Kind : std::uint8_t { up, down, failed, message, acked, refused } kind{};
  MqttMessage message;      // of message
  std::string why;          // of down, failed, refused
  std::uint64_t token = 0;  // of acked, refused: the server said no to that publish
};

struct MqttCounters {
  std::uint64_t connects = 0;
  std::uint64_t lost = 0;
  std::uint64_t bytes_out = 0;  // payloads handed to Paho
  std::uint64_t bytes_in = 0;
  std::uint64_t dropped = 0;                                  // beyond a bound
  std::array<std::uint64_t, kConnectCauses.size()> failed{};  // attempts, by ConnectCause
  std::optional<ConnectCause> failing;                        // of the last attempt; nullopt: up, or never tried
};

class MqttConnection {
 public:
  // `wake` is called from Paho's thread and must only notify.
  static std::unique_ptr<MqttConnection> create(MqttOptions options, Rng& rng, std::function<void()> wake);
  virtual ~MqttConnection() = default;

  // Connects when it is time, publishes what the window allows, gives what arrived.
  virtual std::vector<MqttHappened> poll(MonoMs now) = 0;
  // False: not up, or the queue is full.
  virtual bool publish(MqttMessage message) = 0;
  // Closes and comes back after a backoff; `down` is reported if it was up.
  virtual void drop(MonoMs now) = 0;
  // DISCONNECT, waiting for what the window holds at most timeout_ms.
  virtual void stop(std::int64_t timeout_ms) = 0;
  [[nodiscard]] virtual bool up() const = 0;
  [[nodiscard]] virtual bool idle() const = 0;  // nothing queued, nothing unacknowledged
  [[nodiscard]] virtual MqttCounters counters() const = 0;
};

}  // namespace wayside::bridge::run
