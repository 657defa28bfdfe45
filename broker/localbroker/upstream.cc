#include "broker/localbroker/upstream.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace wayside::broker {
namespace {

constexpr std::size_t kReadBytes = 16U << 10U;
constexpr int kReadsMax = 4;  // a turn
constexpr std::int64_t kPauseMaxMs = 200;

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

SocketUpstream::SocketUpstream(std::shared_ptr<UpstreamShared> shared, std::string client_id, std::uint64_t generation,
                               std::uint64_t seed, MonoMs now)
    : shared_(std::move(shared)),
      session_(generation, shared_->limits),
      client_id_(std::move(client_id)),
      rng_(seed),
      give_up_(now + shared_->connect_ms_max),
      next_connect_(now) {
  ++shared_->open;
  session_.connect(client_id_);
  try_connect(now);
}

SocketUpstream::~SocketUpstream() {
  if (fd_ >= 0 && session_.connected()) {
    session_.disconnect();
    write_some();
  }
  close_socket();
  count();
  --shared_->open;
}

void SocketUpstream::close_socket() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void SocketUpstream::pace(MonoMs now) {
  close_socket();
  shared_->paced.add();
  const auto pause = static_cast<std::uint64_t>(pause_ms_);
  next_connect_ = now + static_cast<std::int64_t>(pause / 2 + 1 + rng_.below(pause));
  pause_ms_ = std::min(pause_ms_ * 2, kPauseMaxMs);
}

void SocketUpstream::try_connect(MonoMs now) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, shared_->socket_path.c_str(), shared_->socket_path.size() + 1);
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ >= 0 && connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return;
  // A full backlog, or a local broker that is still starting: it may be there in a moment.
  if (fd_ >= 0 && (would_block(errno) || errno == ECONNREFUSED || errno == ENOENT)) return pace(now);
  close_socket();
  broken_ = true;
}

MonoMs SocketUpstream::next_turn() const {
  if (over_) return {-1};
  if (broken_ || session_.down()) return {0};
  if (fd_ < 0) return next_connect_;
  if (!session_.connected()) return give_up_;
  return session_.next_tick();
}

void SocketUpstream::turn(bool readable, bool writable, MonoMs now, std::vector<session::ProxyEvent>& out) {
  if (over_) return;
  if (fd_ < 0 && !broken_ && now >= next_connect_) try_connect(now);
  if (readable && fd_ >= 0) read_some(now, out);
  session_.tick(now);
  if ((writable || wants_write()) && fd_ >= 0) write_some();
  const bool late = !session_.connected() && now >= give_up_;
  if (broken_ || late || session_.down()) fail(out);
  count();
}

void SocketUpstream::read_some(MonoMs now, std::vector<session::ProxyEvent>& out) {
  std::array<std::uint8_t, kReadBytes> buffer;
  for (int i = 0; i < kReadsMax && !session_.down(); ++i) {
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && would_block(errno)) return;
    if (got <= 0) {
      broken_ = true;
      return;
    }
    session_.received({buffer.data(), static_cast<std::size_t>(got)}, now, out);
    if (static_cast<std::size_t>(got) < buffer.size()) return;
  }
}

void SocketUpstream::write_some() {
  while (!session_.output().empty()) {
    const ByteView bytes = session_.output();
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && would_block(errno)) return;
    if (sent < 0) {
      broken_ = true;
      return;
    }
    session_.output_taken(static_cast<std::size_t>(sent));
  }
}

void SocketUpstream::fail(std::vector<session::ProxyEvent>& out) {
  // The session says ProxyDown itself when the conversation ends; a socket that fails says it here, once.
  if (!session_.down()) out.emplace_back(session::ProxyDown{});
  shared_->suspect.store(true);
  close_socket();
  over_ = true;
}

void SocketUpstream::count() {
  const UpstreamCounts counts = session_.take_counts();
  if (counts.reserved_topic > 0) shared_->reserved_topic.add(static_cast<double>(counts.reserved_topic));
  if (counts.stale_ack > 0) shared_->stale_ack.add(static_cast<double>(counts.stale_ack));
  if (counts.shed > 0) shared_->shed.add(static_cast<double>(counts.shed));
}

bool SocketUpstream::publish(std::uint64_t token, session::ProxyMessage message) {
  return session_.publish(token, message);
}
bool SocketUpstream::subscribe(std::uint64_t token, std::vector<session::ProxyFilter> filters) {
  return session_.subscribe(token, filters);
}
bool SocketUpstream::unsubscribe(std::uint64_t token, std::vector<std::string> filters) {
  return session_.unsubscribe(token, filters);
}
void SocketUpstream::ack(std::uint64_t token) { session_.ack(token); }

}  // namespace wayside::broker
