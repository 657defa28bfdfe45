#include "fleet/admin.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/os/system.h"

namespace wayside::fleet {
namespace {

constexpr std::size_t kReplyBytesMax = 16U << 20U;

constexpr std::int64_t kPortMax = 65'535;

class Socket {
 public:
  explicit Socket(int opened) : fd(opened) {}
  Socket(Socket&& other) noexcept : fd(std::exchange(other.fd, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  int fd;
};

Error os_error(const std::string& what) { return Error{Fault::unreachable, what + ": " + std::strerror(errno), errno}; }

Result<void> send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const auto put = send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_error("send");
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

// Reads until `complete` says so or the peer ends.
Result<std::string> receive(int fd, int timeout_ms, const std::function<bool(const std::string&)>& complete) {
  const os::SystemClock clock;
  const auto until = clock.mono() + timeout_ms;
  std::string text;
  std::array<char, 1U << 16U> chunk;
  while (!complete(text)) {
    pollfd polled{fd, POLLIN, 0};
    const auto left = until - clock.mono();
    if (left <= 0 || poll(&polled, 1, static_cast<int>(left)) == 0) return Error{Fault::timeout, "no answer in time"};
    const auto got = recv(fd, chunk.data(), chunk.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("receive");
    if (got == 0) break;
    text.append(chunk.data(), static_cast<std::size_t>(got));
    if (text.size() > kReplyBytesMax) return Error{Fault::no_space, "the answer is too long"};
  }
  return text;
}

// The first of the host's addresses that takes the connection, each within timeout_ms.
Result<Socket> connect_to(const MetricsPlace& place, int timeout_ms) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &found);
  if (failed != 0) return Error{Fault::unreachable, gai_strerror(failed), 0};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> freed(found, freeaddrinfo);
  const timeval within{timeout_ms / 1000, timeout_ms % 1000 * 1000L};
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    Socket socket{::socket(one->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (socket.fd < 0) continue;
    setsockopt(socket.fd, SOL_SOCKET, SO_SNDTIMEO, &within, sizeof within);  // connect waits as long
    if (connect(socket.fd, one->ai_addr, one->ai_addrlen) == 0) return socket;
  }
  return os_error("connect");
}

}  // namespace

Result<std::string> admin_ask(const std::string& socket_path, const std::string& line, int timeout_ms) {
  const Socket socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (socket_path.size() >= sizeof to.sun_path) return Error{Fault::config, socket_path + ": too long for a socket"};
  std::memcpy(to.sun_path, socket_path.c_str(), socket_path.size() + 1);
  if (socket.fd < 0 || connect(socket.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
    return os_error(socket_path);
  }
  if (auto sent = send_all(socket.fd, line + "\n"); !sent) return std::move(sent).error().with(socket_path);
  auto reply = receive(socket.fd, timeout_ms, [](const std::string& t) { return t.find('\n') != std::string::npos; });
  if (!reply) return std::move(reply).error().with(socket_path);
  const auto end = reply->find('\n');
  if (end == std::string::npos) return Error{Fault::unreachable, socket_path + ": ended without an answer"};
  return reply->substr(0, end);
}

Result<MetricsPlace> metrics_place(const std::string& ports_json) {
  const auto json = nlohmann::json::parse(ports_json, nullptr, false);
  const Error no{Fault::malformed, "no ports file: it tells no port of metrics", 0};
  if (!json.is_object()) return no;
  const auto port = json.find("metrics");
  if (port == json.end() || !port->is_number_integer()) return no;
  MetricsPlace place;
  const auto number = port->get<std::int64_t>();
  if (number < 1 || number > kPortMax) return no;
  place.port = static_cast<int>(number);
  const auto host = json.find("metrics_host");
  if (host == json.end()) return place;
  if (!host->is_string()) return no;
  place.host = host->get<std::string>();
  return place;
}

Result<HttpReply> http_get(int port, const std::string& path, int timeout_ms) {
  return http_get(MetricsPlace{"127.0.0.1", port}, path, timeout_ms);
}

Result<HttpReply> http_get(const MetricsPlace& place, const std::string& path, int timeout_ms) {
  const bool six = place.host.find(':') != std::string::npos;
  const auto host = six ? "[" + place.host + "]" : place.host;
  const auto where = host + ":" + std::to_string(place.port) + path;
  const auto socket = connect_to(place, timeout_ms);
  if (!socket) return Error(socket.error()).with(where);
  auto sent = send_all(socket->fd, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  if (!sent) return std::move(sent).error().with(where);
  auto text = receive(socket->fd, timeout_ms, [](const std::string&) { return false; });
  if (!text) return std::move(text).error().with(where);
  HttpReply reply;
  const auto body = text->find("\r\n\r\n");
  if (text->rfind("HTTP/1.1 ", 0) != 0 || body == std::string::npos) {
    return Error{Fault::malformed, where + ": the answer is not HTTP"};
  }
  std::from_chars(text->data() + 9, text->data() + std::min<std::size_t>(12, text->size()), reply.status);
  reply.body = text->substr(body + 4);
  return reply;
}

}  // namespace wayside::fleet
