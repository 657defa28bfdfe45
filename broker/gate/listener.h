// Listening sockets: one a thread and address, SO_REUSEPORT, so that the kernel spreads connections.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "broker/proxyheader/address.h"
#include "common/result.h"

namespace wayside::broker::gate {

struct Address {
  std::string host;
  std::uint16_t port = 0;
};
// "127.0.0.1:8883" or "[::1]:8883".
Result<Address> parse_address(const std::string& text);

// Who is at the other end of a connected TCP socket; nullopt: it is connected no more.
std::optional<proxyheader::Endpoint> peer_of(int fd);

// Owns: the socket. Thread: one.
class Listener {
 public:
  static Result<Listener> bind(const Address& address);
  Listener() = default;
  Listener(Listener&& other) noexcept : fd_(other.fd_), port_(other.port_) { other.fd_ = -1; }
  Listener& operator=(Listener&& other) noexcept;
  ~Listener();

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  // A connection with its options set; -1: none waits, -2: the process is out of descriptors.
  [[nodiscard]] int accept(std::uint32_t tcp_user_timeout_ms) const;

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
};

}  // namespace wayside::broker::gate
