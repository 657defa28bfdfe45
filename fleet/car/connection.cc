#include "fleet/car/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

namespace wayside::fleet {
namespace {

constexpr std::size_t kReadChunk = 16U << 10U;

struct AddressList {
  addrinfo* first = nullptr;
  ~AddressList() {
    if (first != nullptr) freeaddrinfo(first);
  }
};

Result<int> start_connect(const Endpoint& to) {
  AddressList found;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  const auto port = std::to_string(to.port);
  if (const int code = getaddrinfo(to.host.c_str(), port.c_str(), &hints, &found.first); code != 0) {
    return Error{Fault::unreachable, to.host + ": " + gai_strerror(code)};
  }
  const int fd = socket(found.first->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Error{Fault::io, std::string("socket: ") + std::strerror(errno), errno};
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(fd, found.first->ai_addr, found.first->ai_addrlen) != 0 && errno != EINPROGRESS) {
    const int code = errno;
    ::close(fd);
    return Error{Fault::unreachable, to.host + ":" + port + ": " + std::strerror(code), code};
  }
  return fd;
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& text) {
  const auto colon = text.rfind(':');
  Endpoint to;
  if (colon == std::string::npos || colon == 0) return Error{Fault::malformed, text + ": expected host:port"};
  to.host = text.substr(0, colon);
  const auto* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data() + colon + 1, end, to.port);
  if (parsed.ec != std::errc{} || parsed.ptr != end || to.port < 1 || to.port > 65535) {
    return Error{Fault::malformed, text + ": the port is not 1..65535"};
  }
  return to;
}

Result<std::unique_ptr<Connection>> Connection::start(const Endpoint& to, const TlsClient& tls) {
  auto ssl = tls.make(to.host);
  if (!ssl) return std::move(ssl).error();
  auto fd = start_connect(to);
  if (!fd) {
    SSL_free(*ssl);
    return std::move(fd).error();
  }
  SSL_set_fd(*ssl, *fd);
  return std::unique_ptr<Connection>(new Connection(*fd, *ssl));
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

bool Connection::wants_write() const {
  if (state_ == State::connecting) return true;
  if (state_ == State::handshaking) return handshake_wants_write_;
  return state_ == State::open && out_sent_ < out_.size();
}

void Connection::close(const std::string& why) {
  if (state_ == State::closed) return;
  state_ = State::closed;
  why_ = why;
  ::close(fd_);
  fd_ = -1;
}

bool Connection::again(int result, const char* doing) {
  const int code = SSL_get_error(ssl_.get(), result);
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) {
    handshake_wants_write_ = code == SSL_ERROR_WANT_WRITE;
    return true;
  }
  const int saved = errno;
  if (code == SSL_ERROR_ZERO_RETURN) {
    close("the server ended the connection");
  } else if (code == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
    close(std::string(doing) + ": " + (saved == 0 ? "the server ended the connection" : std::strerror(saved)));
  } else {
    close(std::string(doing) + ": " + tls_errors());
  }
  ERR_clear_error();
  return false;
}

void Connection::finish_connect() {
  int code = 0;
  socklen_t size = sizeof code;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &code, &size) != 0 || code != 0) {
    close(std::string("connect: ") + std::strerror(code));
    return;
  }
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  if (getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0) state_ = State::handshaking;
}

void Connection::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    state_ = State::open;
    return;
  }
  again(result, "TLS handshake");
}

void Connection::read_available() {
  if (in_used_ > 0) {
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(in_used_));
    in_used_ = 0;
  }
  while (state_ == State::open && in_.size() < 2 * kPacketBytesMax) {
    const auto had = in_.size();
    in_.resize(had + kReadChunk);
    ERR_clear_error();
    errno = 0;
    const int got = SSL_read(ssl_.get(), in_.data() + had, static_cast<int>(kReadChunk));
    in_.resize(had + static_cast<std::size_t>(got > 0 ? got : 0));
    if (got <= 0) {
      again(got, "read");
      return;
    }
  }
}

void Connection::flush() {
  while (state_ == State::open && out_sent_ < out_.size()) {
    ERR_clear_error();
    errno = 0;
    const auto size = std::min<std::size_t>(out_.size() - out_sent_, 1U << 16U);
    const int put = SSL_write(ssl_.get(), out_.data() + out_sent_, static_cast<int>(size));
    if (put <= 0) {
      again(put, "write");
      return;
    }
    out_sent_ += static_cast<std::size_t>(put);
  }
  if (out_sent_ == out_.size()) {
    out_.clear();
    out_sent_ = 0;
  }
}

void Connection::pump() {
  if (state_ == State::connecting) finish_connect();
  if (state_ == State::handshaking) handshake();
  if (state_ == State::open) read_available();
  flush();
}

void Connection::send(const mqtt::Packet& packet) { mqtt::encode(packet, mqtt::Version::v5, out_); }
void Connection::send(const mqtt::Publish& publish) { mqtt::encode_publish(publish, mqtt::Version::v5, out_); }
void Connection::send(const mqtt::Ack& ack) { mqtt::encode_ack(ack, mqtt::Version::v5, out_); }

std::optional<mqtt::Packet> Connection::next() {
  const ByteView rest = ByteView(in_).subspan(in_used_);
  if (rest.empty()) return std::nullopt;
  auto decoded = mqtt::decode(rest, mqtt::Version::v5, mqtt::Role::client, kPacketBytesMax);
  if (decoded.status == mqtt::DecodeStatus::need_more) return std::nullopt;
  if (decoded.status != mqtt::DecodeStatus::complete) {
    close(std::string("the server sent a packet that does not parse: ") + decoded.what);
    return std::nullopt;
  }
  in_used_ += decoded.consumed;
  return std::move(decoded.packet);
}

}  // namespace wayside::fleet
