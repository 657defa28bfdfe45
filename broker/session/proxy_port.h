// The seam to the local broker: one upstream for one connection of ours, opened only once that connection
// subscribes to or publishes on a broadcast or ordinary row. broker/localbroker implements it over a Unix
// socket, always in MQTT 5, with a CONNECT of its own making and keep alive 0.
//
// Thread: an upstream lives on the I/O thread of its connection and is called from nowhere else. Nothing
// calls back: what happened comes out of turn() as events.
// Limits: the implementation bounds what it queues; a full queue is LOCAL_BROKER_DOWN, never a wait.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker::session {

// A message on its way up or down, owned. Only what may cross the gate: properties that name sessions
// (alias, subscription identifier) never do.
struct ProxyMessage {
  std::string topic;
  Bytes payload;
  std::uint8_t qos = 0;  // 0 or 1
  bool retain = false;
  std::uint8_t payload_format = 0;
  std::uint32_t message_expiry_s = 0;  // 0: none
  std::string content_type;
  std::string response_topic;
  Bytes correlation_data;
  std::vector<std::pair<std::string, std::string>> user;
};
struct ProxyFilter {
  std::string filter;
  std::uint8_t qos = 0;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint8_t retain_handling = 0;  // 2 on a replay after reconnect
};

// ---- what comes out of turn() -----------------------------------------------------------------------
struct ProxyDown {  // the upstream is over; nothing more will come
  Reason reason = Reason::LOCAL_BROKER_DOWN;
};
struct ProxyReceived {  // for the vehicle; QoS 1 wants ack(token) once the vehicle acknowledged
  std::uint64_t token = 0;
  ProxyMessage message;
};
struct ProxyPubacked {  // answer to publish(token) with QoS 1
  std::uint64_t token = 0;
  std::uint8_t reason = 0;  // MQTT 5
};
struct ProxySubacked {  // answer to subscribe(token), one code a filter
  std::uint64_t token = 0;
  std::vector<std::uint8_t> reasons;
};
struct ProxyUnsubacked {
  std::uint64_t token = 0;
  std::vector<std::uint8_t> reasons;
};
using ProxyEvent = std::variant<ProxyDown, ProxyReceived, ProxyPubacked, ProxySubacked, ProxyUnsubacked>;

// Owns: its socket. Closing is the destructor's: it says DISCONNECT first, so that no will is sent.
// Tokens are the caller's. Calls before the upstream's CONNACK are queued by the upstream, bounded.
class Upstream {
 public:
  virtual ~Upstream() = default;
  // The descriptor to watch, -1 while there is none (a connect that must be paced); may change in turn().
  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual bool wants_write() const = 0;
  // When turn() wants to be called although nothing is ready; {-1}: never.
  [[nodiscard]] virtual MonoMs next_turn() const = 0;
  virtual void turn(bool readable, bool writable, MonoMs now, std::vector<ProxyEvent>& out) = 0;

  // False: its queue is full; the connection is then closed with LOCAL_BROKER_DOWN.
  [[nodiscard]] virtual bool publish(std::uint64_t token, ProxyMessage message) = 0;
  [[nodiscard]] virtual bool subscribe(std::uint64_t token, std::vector<ProxyFilter> filters) = 0;
  [[nodiscard]] virtual bool unsubscribe(std::uint64_t token, std::vector<std::string> filters) = 0;
  virtual void ack(std::uint64_t token) = 0;
};

class LocalBrokerPort {
 public:
  virtual ~LocalBrokerPort() = default;
  // Thread: any I/O thread. `client_id` is unique among connections. nullptr: the local broker is off or
  // known to be away (LOCAL_BROKER_DOWN).
  virtual std::unique_ptr<Upstream> open(const std::string& client_id, MonoMs now) = 0;
};

}  // namespace wayside::broker::session
