// One MQTT 5 connection over TLS as a client has it, non-blocking: cars and issuers are built on it.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <optional>
#include <string>

#include "common/mqtt/codec.h"
#include "common/result.h"
#include "fleet/car/tls.h"

namespace wayside::fleet {

struct Endpoint {
  std::string host = "127.0.0.1";
  int port = 0;
};
// "host:port"; Fault::malformed otherwise.
Result<Endpoint> parse_endpoint(const std::string& text);

// Owns    socket, TLS handle, both buffers.   Thread  one.   Durable  -
// Limits  packets of kPacketBytesMax in; out is bounded by what its owner sends before it reads again.
class Connection {
 public:
  enum class State : std::uint8_t { connecting, handshaking, open, closed };
  static constexpr std::size_t kPacketBytesMax = 1U << 20U;

  static Result<std::unique_ptr<Connection>> start(const Endpoint& to, const TlsClient& tls);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] State state() const { return state_; }
  // Wait for writability too, not only for readability.
  [[nodiscard]] bool wants_write() const;
  [[nodiscard]] const std::string& why_closed() const { return why_; }

  // Does what readiness allows: connect, handshake, read, write. Invalidates packets from next().
  void pump();
  // Writes what was sent, as far as the socket takes it.
  void flush();
  // Appended to the output; goes out with the next pump() or flush().
  void send(const mqtt::Packet& packet);
  void send(const mqtt::Publish& publish);
  void send(const mqtt::Ack& ack);
  // The next packet that has arrived whole. A malformed one closes the connection.
  std::optional<mqtt::Packet> next();
  // Without DISCONNECT, as a radio that goes away.
  void close(const std::string& why);

 private:
  Connection(int fd, SSL* ssl) : fd_(fd), ssl_(ssl, &SSL_free) {}
  void finish_connect();
  void handshake();
  void read_available();
  // True: the call only has to be tried again.
  bool again(int result, const char* doing);

  int fd_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_;
  State state_ = State::connecting;
  Bytes in_;
  std::size_t in_used_ = 0;
  Bytes out_;
  std::size_t out_sent_ = 0;
  bool handshake_wants_write_ = true;
  std::string why_;
};

}  // namespace wayside::fleet
