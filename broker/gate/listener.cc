#include "broker/gate/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>

namespace wayside::broker::gate {
namespace {

constexpr int kBacklog = 4096;
// Unsent bytes that the kernel may hold: what it holds can no longer be taken back.
constexpr int kNotSentBytesMax = 32 << 10;

struct Socket {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

bool to_socket(const Address& address, Socket& out) {
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (::inet_pton(AF_INET, address.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    out.size = sizeof(sockaddr_in);
    return true;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (::inet_pton(AF_INET6, address.host.c_str(), &v6->sin6_addr) != 1) return false;
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(address.port);
  out.size = sizeof(sockaddr_in6);
  return true;
}

std::uint16_t bound_port(int fd) {
  Socket bound;
  bound.size = sizeof bound.storage;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound.storage), &bound.size);
  if (bound.storage.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&bound.storage)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&bound.storage)->sin6_port);
}

void set_option(int fd, int level, int name, int value) { ::setsockopt(fd, level, name, &value, sizeof value); }

Error socket_error(const char* what, const Address& address) {
  const int number = errno;
  return Error{
      Fault::io,
      std::string(what) + " " + address.host + ":" + std::to_string(address.port) + ": " + std::strerror(number),
      number};
}

}  // namespace

Result<Address> parse_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) return Error{Fault::config, "\"" + text + "\" is not host:port"};
  Address address{text.substr(0, colon), 0};
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  Socket probe;
  if (error != std::errc{} || at != end || !to_socket(address, probe)) {
    return Error{Fault::config, "\"" + text + "\" is not a numeric host:port"};
  }
  return address;
}

std::optional<proxyheader::Endpoint> peer_of(int fd) {
  Socket peer;
  peer.size = sizeof peer.storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer.storage), &peer.size) != 0) return std::nullopt;
  if (peer.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&peer.storage);
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(&v4->sin_addr);
    return proxyheader::Endpoint{proxyheader::address_of({bytes, sizeof v4->sin_addr}), ntohs(v4->sin_port)};
  }
  if (peer.storage.ss_family != AF_INET6) return std::nullopt;
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&peer.storage);
  return proxyheader::Endpoint{proxyheader::address_of({v6->sin6_addr.s6_addr, sizeof v6->sin6_addr}),
                               ntohs(v6->sin6_port)};
}

Result<Listener> Listener::bind(const Address& address) {
  Socket socket;
  if (!to_socket(address, socket)) return Error{Fault::config, address.host + " is not a numeric address"};
  Listener listener;
  listener.fd_ = ::socket(socket.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (listener.fd_ < 0) return socket_error("socket", address);
  set_option(listener.fd_, SOL_SOCKET, SO_REUSEADDR, 1);
  set_option(listener.fd_, SOL_SOCKET, SO_REUSEPORT, 1);
  if (::bind(listener.fd_, reinterpret_cast<const sockaddr*>(&socket.storage), socket.size) != 0) {
    return socket_error("bind", address);
  }
  if (::listen(listener.fd_, kBacklog) != 0) return socket_error("listen", address);
  listener.port_ = bound_port(listener.fd_);
  return listener;
}

Listener& Listener::operator=(Listener&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(port_, other.port_);
  return *this;
}

Listener::~Listener() {
  if (fd_ >= 0) ::close(fd_);
}

int Listener::accept(std::uint32_t tcp_user_timeout_ms) const {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ? -2 : -1;
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSentBytesMax);
  set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(tcp_user_timeout_ms));
  return fd;
}

}  // namespace wayside::broker::gate
