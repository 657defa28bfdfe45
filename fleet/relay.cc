#include "fleet/relay.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace wayside::fleet {
namespace {

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

Error os_error(const char* what) {
  return Error{Fault::io, std::string("relay: ") + what + ": " + std::strerror(errno), errno};
}

// One direction of a pair.
struct Pipe {
  Bytes waiting;
  bool source_ended = false;
  bool end_passed_on = false;
};

}  // namespace

struct Relay::Pair {
  int peer = -1;
  int core = -1;
  Pipe up;
  Pipe down;
  bool failed = false;
  ~Pair() {
    ::close(peer);
    ::close(core);
  }
  [[nodiscard]] bool done() const { return failed || (up.end_passed_on && down.end_passed_on); }
};

namespace {

// Reads into `pipe`; false: the socket failed.
bool fill(int from, Pipe& pipe, std::atomic<std::uint64_t>& counter) {
  std::array<std::uint8_t, 64U << 10U> chunk;
  const auto got = recv(from, chunk.data(), chunk.size(), 0);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got == 0) pipe.source_ended = true;
  pipe.waiting.insert(pipe.waiting.end(), chunk.data(), chunk.data() + got);
  counter.fetch_add(static_cast<std::uint64_t>(got), std::memory_order_relaxed);
  return true;
}

bool drain(int to, Pipe& pipe) {
  if (!pipe.waiting.empty()) {
    const auto put = send(to, pipe.waiting.data(), pipe.waiting.size(), MSG_NOSIGNAL);
    if (put < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
    pipe.waiting.erase(pipe.waiting.begin(), pipe.waiting.begin() + put);
  }
  if (pipe.waiting.empty() && pipe.source_ended && !pipe.end_passed_on) {
    shutdown(to, SHUT_WR);
    pipe.end_passed_on = true;
  }
  return true;
}

short wanted(const Pipe& reads_into, const Pipe& writes_from) {
  short events = 0;
  if (!reads_into.source_ended && reads_into.waiting.size() < Relay::kPipeBytesMax) events |= POLLIN;
  const bool end_waits = writes_from.source_ended && !writes_from.end_passed_on;
  if (!writes_from.waiting.empty() || end_waits) events |= POLLOUT;
  return events;
}

}  // namespace

Result<std::unique_ptr<Relay>> Relay::start(int to_port, int port, Bytes says_first) {
  auto relay = std::unique_ptr<Relay>(new Relay());
  relay->to_port_ = to_port;
  relay->says_first_ = std::move(says_first);
  relay->listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  relay->wake_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (relay->listener_ < 0 || relay->wake_ < 0) return os_error("socket");
  const int on = 1;
  setsockopt(relay->listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto address = loopback(port);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(relay->listener_, generic, size) != 0 || listen(relay->listener_, 64) != 0) return os_error("listen");
  if (getsockname(relay->listener_, generic, &size) != 0) return os_error("getsockname");
  relay->port_ = ntohs(address.sin_port);
  relay->thread_ = std::thread([raw = relay.get()] { raw->run(); });
  return relay;
}

Relay::~Relay() {
  stopping_ = true;
  const std::uint64_t one = 1;
  if (wake_ >= 0) [[maybe_unused]]
    const auto put = ::write(wake_, &one, sizeof one);
  if (thread_.joinable()) thread_.join();
  if (listener_ >= 0) ::close(listener_);
  if (wake_ >= 0) ::close(wake_);
}

void Relay::accept_peer() {
  const int peer = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (peer < 0) return;
  auto pair = std::make_unique<Pair>();
  pair->peer = peer;
  pair->up.waiting = says_first_;
  pair->core = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(pair->peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(pair->core, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const auto to = loopback(to_port_);
  const int connected = connect(pair->core, reinterpret_cast<const sockaddr*>(&to), sizeof to);
  if (connected != 0 && errno != EINPROGRESS) return;  // the pair closes both: the peer sees the refusal
  pairs_.push_back(std::move(pair));
}

void Relay::service(Pair& pair, short peer_events, short core_events) {
  constexpr short kBroken = POLLERR | POLLNVAL;
  bool ok = ((peer_events | core_events) & kBroken) == 0;
  if (ok && (peer_events & (POLLIN | POLLHUP)) != 0 && !pair.up.source_ended) ok = fill(pair.peer, pair.up, up_bytes_);
  if (ok && (core_events & (POLLIN | POLLHUP)) != 0 && !pair.down.source_ended) {
    ok = fill(pair.core, pair.down, down_bytes_);
  }
  if (ok && (core_events & POLLOUT) != 0) ok = drain(pair.core, pair.up);
  if (ok && (peer_events & POLLOUT) != 0) ok = drain(pair.peer, pair.down);
  pair.failed = !ok;
}

void Relay::run() {
  std::vector<pollfd> polled;
  while (!stopping_) {
    polled.assign({{wake_, POLLIN, 0}, {listener_, POLLIN, 0}});
    for (const auto& pair : pairs_) {
      polled.push_back({pair->peer, wanted(pair->up, pair->down), 0});
      polled.push_back({pair->core, wanted(pair->down, pair->up), 0});
    }
    if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
    const auto known = pairs_.size();
    for (std::size_t i = 0; i < known; ++i) service(*pairs_[i], polled[2 + 2 * i].revents, polled[3 + 2 * i].revents);
    std::erase_if(pairs_, [](const auto& pair) { return pair->done(); });
    if ((polled[1].revents & POLLIN) != 0) accept_peer();
  }
}

}  // namespace wayside::fleet
