#include "broker/gate/connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "broker/proxyheader/header.h"
#include "common/os/socket_io.h"

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kPacketsPerStepMax = 6;  // what they hold at a time comes from the cache of malloc
constexpr std::size_t kKeptBytesMax = 4U << 10U;
constexpr std::int64_t kCloseMsMax = 2'000;
constexpr std::int64_t kLingerMsMax = 1'000;
constexpr std::size_t kDiscardBytesMax = 1U << 20U;
constexpr std::int64_t kExpiryCheckMs = 3'600'000;

}  // namespace

Connection::Connection(ThreadContext& context, std::uint64_t number, int fd, session::Role role,
                       std::shared_ptr<const Trust> trust)
    : context_(context),
      self_{context.thread, number},
      role_(role),
      fd_(fd),
      tls_(std::move(trust), context.shared.clock) {
  stage_since_ = context_.shared.clock.mono();
  if (role_ == session::Role::vehicle && context_.shared.options.proxy.required) stage_ = Stage::awaiting_header;
  context_.shared.connections.fetch_add(1, std::memory_order_relaxed);
  set_interest();
}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
  context_.shared.connections.fetch_sub(1, std::memory_order_relaxed);
}

bool Connection::unfinished() const {
  if (stage_ < Stage::serving) return true;
  return stage_ == Stage::serving && session_->phase() == session::Phase::awaiting_connect;
}

void Connection::on_socket(bool readable, bool writable, bool broken) {
  if (stage_ == Stage::dead) return;
  if (stage_ == Stage::lingering) return discard();
  if (writable) write_blocked_ = false;
  rearm_ = broken;
  if (readable || broken) receive();
  set_interest();
}

// One receive a turn, into the thread's buffer.
void Connection::receive() {
  const ssize_t got = os::receive(fd_, context_.receive);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return transport_lost();
  if (static_cast<std::size_t>(got) == context_.receive.size()) rearm_ = true;
  ByteView bytes = ByteView(context_.receive).first(static_cast<std::size_t>(got));
  if (stage_ != Stage::serving) {
    bytes = behind_header(bytes);
    if (bytes.empty() || stage_ == Stage::closing) return;
  }
  tls_.feed(bytes);
  if (stage_ == Stage::handshaking) shake_hands();
  if (stage_ == Stage::serving) pump();
  tls_.keep_rest();
}

// What is TLS of bytes that came before the handshake's end: all of them, but for the one header of a balancer.
ByteView Connection::behind_header(ByteView bytes) {
  if (stage_ != Stage::awaiting_header) return bytes;
  const std::size_t before = input_.size();
  const std::size_t taken = std::min(bytes.size(), proxyheader::kHeaderBytesMax - before);
  input_.insert(input_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(taken));
  const proxyheader::Decoded header = proxyheader::decode(input_);
  if (header.status == proxyheader::Status::need_more) return {};
  Bytes().swap(input_);
  if (header.status != proxyheader::Status::complete) {
    const bool too_long = header.status == proxyheader::Status::too_long;
    refuse_transport("proxy", too_long ? Reason::PROXY_HEADER_TOO_LONG : Reason::PROXY_HEADER_INVALID);
    return {};
  }
  carried_ = header.source;
  health_check_ = !header.source;
  stage_ = Stage::handshaking;
  return bytes.subspan(header.consumed - before);
}

void Connection::shake_hands() {
  health_check_ = false;
  const TlsStatus status = tls_.handshake();
  context_.look_at_clock();  // it may have taken milliseconds
  switch (status) {
    case TlsStatus::need_more: return;
    case TlsStatus::ok: return begin_session();
    default: return refuse_transport("handshake", tls_.proof().refused);
  }
}

// A reload or the clock went past this handshake while it ran: the proof is judged by what is in force now.
std::optional<Reason> Connection::overtaken() const {
  const bool vehicle = role_ == session::Role::vehicle;
  const std::shared_ptr<const Trust> trust = vehicle ? context_.shared.vehicles.get() : context_.shared.services.get();
  if (trust->epoch() != tls_.trust_epoch()) return Reason::HANDSHAKE_FAILED;
  if (trust->revoked(tls_.proof().chain)) return Reason::REVOKED;
  if (tls_.proof().not_after <= context_.shared.clock.wall()) return Reason::CERTIFICATE_EXPIRED;
  return std::nullopt;
}

void Connection::begin_session() {
  if (const std::optional<Reason> over = overtaken()) return refuse_transport("handshake", *over);
  (tls_.resumed() ? context_.counters.handshakes_resumed : context_.counters.handshakes_full).add();
  stage_ = Stage::serving;
  stage_since_ = context_.shared.clock.mono();
  not_after_ = tls_.proof().not_after;
  session::SessionOptions options;
  options.peer.role = role_;
  options.peer.id = tls_.proof().id;
  options.peer.cohort = tls_.proof().cohort;
  if (role_ == session::Role::service) {
    const auto acl = context_.shared.acls.find(options.peer.id);
    if (acl != context_.shared.acls.end()) options.peer.acl = acl->second;
  }
  options.self = self_;
  options.edge = context_.shared.options.edge;
  options.local_broker = context_.shared.local_broker != nullptr;
  options.ordinary_enabled = context_.shared.options.ordinary;
  options.limits = context_.shared.options.limits;
  session_.emplace(std::move(options));
}

// Plaintext into packets, until there is no more or the session wants to wait. It is parsed where it was decrypted, in
// the thread's buffer; only what is no whole packet yet, or waits, is kept.
void Connection::pump() {
  if (!input_.empty() && !parse_kept()) return;
  while (stage_ == Stage::serving) {
    std::size_t got = 0;
    const TlsStatus status = tls_.read(context_.plaintext, got);
    context_.counters.bytes_in.add(static_cast<double>(got));
    if (status == TlsStatus::need_more) return;
    if (status == TlsStatus::closed) return transport_lost();
    if (status == TlsStatus::failed) {
      refused("tls", Reason::HANDSHAKE_FAILED);
      return transport_lost();
    }
    const ByteView plaintext = ByteView(context_.plaintext).first(got);
    if (!input_.empty()) {
      input_.insert(input_.end(), plaintext.begin(), plaintext.end());
      if (!parse_kept()) return;
      continue;
    }
    const std::size_t parsed = parse(plaintext);
    input_.assign(plaintext.begin() + static_cast<std::ptrdiff_t>(parsed), plaintext.end());
    if (!reads_on()) return;
  }
}

// False: nothing more is to be read now.
bool Connection::parse_kept() {
  const std::size_t parsed = parse(input_);
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(parsed));
  if (input_.empty() && input_.capacity() > kKeptBytesMax) Bytes().swap(input_);  // idle connections are many
  return reads_on();
}

bool Connection::reads_on() {
  paused_ = stage_ == Stage::serving && session_->wants_pause();
  return stage_ == Stage::serving && !paused_;
}

void Connection::resume() {
  if (!paused_ || stage_ != Stage::serving || session_->wants_pause()) return;
  pump();
  tls_.keep_rest();
  set_interest();
}

bool Connection::takes_packets() const {
  return stage_ == Stage::serving && session_->phase() != session::Phase::closed && !session_->wants_pause();
}

// Returns how much of `bytes` are packets that were taken.
std::size_t Connection::parse(ByteView bytes) {
  std::size_t at = 0;
  while (takes_packets()) {
    const std::size_t before = at;
    run([&](session::Actions& out) { at += step_packets(bytes.subspan(at), out); });
    if (at == before) break;
  }
  return at;
}

// Several packets are one step: their effects leave together. Returns how much of `bytes` they are; 0: none is whole,
// or one was none and ended the session.
std::size_t Connection::step_packets(ByteView bytes, session::Actions& out) {
  mqtt::Decoded& decoded = context_.decoded;
  const session::Now now = context_.now;
  const session::Limits& limits = context_.shared.options.limits;
  const std::uint32_t first_limit = std::min(limits.packet_bytes_max, limits.first_packet_bytes_max);
  std::size_t at = 0;
  std::size_t packets = 0;
  std::size_t publishes = 0;
  for (; packets < kPacketsPerStepMax && takes_packets(); ++packets) {
    const bool first = session_->phase() == session::Phase::awaiting_connect;
    mqtt::decode_into(bytes.subspan(at), session_->version(), mqtt::Role::server,
                      first ? first_limit : limits.packet_bytes_max, decoded);
    if (decoded.status == mqtt::DecodeStatus::need_more) break;
    if (decoded.status != mqtt::DecodeStatus::complete) {
      session_->step(decoded, now, out);
      break;
    }
    if (std::holds_alternative<mqtt::Publish>(decoded.packet)) ++publishes;
    session_->step(decoded.packet, now, out);
    at += decoded.consumed;
  }
  context_.counters.packets_in.add(static_cast<double>(packets));
  context_.counters.publishes_in.add(static_cast<double>(publishes));
  return at;
}

// A close with unread bytes would be a reset that overtakes our last packet: read them away for a moment.
void Connection::discard() {
  const ssize_t got = os::receive(fd_, context_.receive);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return die();
  discarded_ += static_cast<std::size_t>(got);
  if (discarded_ > kDiscardBytesMax) die();
}

// Refused below MQTT: TLS has its alert in the buffer.
void Connection::refuse_transport(const char* stage, Reason reason) {
  refused(stage, reason);
  stage_ = Stage::closing;
  stage_since_ = context_.shared.clock.mono();
  send_ciphertext();
}

void Connection::transport_lost() {
  if (stage_ == Stage::dead) return;
  if (stage_ == Stage::awaiting_header) refused("proxy", Reason::CONNECTION_LOST);
  if (stage_ == Stage::handshaking && !health_check_) {
    refused("handshake", Reason::CONNECTION_LOST);
  }
  lose_session();
}

void Connection::lose_session() {
  if (session_) run([&](session::Actions& out) { session_->lost(context_.shared.now(), out); });
  die();
}

void Connection::die() {
  if (stage_ == Stage::dead) return;
  stage_ = Stage::dead;
  upstream_.reset();
  plain_.clear();
  output_.clear();
  output_bytes_ = 0;
  ::close(fd_);  // leaves the epoll set with it
  fd_ = -1;
}

// While a command is written and not acknowledged the socket ends with a reset, whoever ends it, the end of the
// process included: what the kernel still holds must not reach a vehicle that comes back after the deadline.
void Connection::arm_reset() {
  if (stage_ == Stage::dead || !session_) return;
  const bool held = session_->holds_command_until().has_value();
  if (held == reset_armed_) return;
  const linger how{held ? 1 : 0, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &how, sizeof how);
  reset_armed_ = held;
}

// An open session is told of edges: else the kernel would look at each socket once more to find that all was read. The
// end of a stream is asked for by name, since it may stand behind what one receive took. Everybody else is told as long
// as there is something: a handshake may have to wait for the next turn.
std::uint32_t Connection::wanted() const {
  const bool serving = stage_ == Stage::serving;
  const bool edges = serving && session_->phase() == session::Phase::open;
  std::uint32_t wanted = edges ? EPOLLET : 0U;
  if (!serving || !session_->wants_pause()) wanted |= edges ? EPOLLIN | EPOLLRDHUP : EPOLLIN;
  if (write_blocked_) wanted |= EPOLLOUT;
  return wanted;
}

// What is told once is told again where it was asked for anew.
void Connection::set_interest() {
  if (stage_ == Stage::dead) return;
  const std::uint32_t events = wanted();
  const bool again = rearm_ && (events & EPOLLET) != 0;
  rearm_ = false;
  if (events == interest_ && watched_ && !again) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = self_.number << 1U;
  const int operation = watched_ ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
  WAYSIDE_ASSERT(::epoll_ctl(context_.epoll_fd, operation, fd_, &event) == 0);
  interest_ = events;
  watched_ = true;
}

// Of the command that the connection holds unacknowledged.
MonoMs Connection::command_deadline(session::Now now) const {
  const std::optional<WallMs> deadline = session_ ? session_->holds_command_until() : std::nullopt;
  if (!deadline) return {INT64_MAX};
  return now.mono + std::max<std::int64_t>(0, deadline->value - now.wall.value);
}

MonoMs Connection::due(session::Now now) const {
  const GateOptions& options = context_.shared.options;
  switch (stage_) {
    case Stage::awaiting_header:
    case Stage::handshaking: return stage_since_ + options.handshake_ms_max;
    case Stage::closing: return std::min(stage_since_ + kCloseMsMax, command_deadline(now));
    case Stage::lingering: return std::min(stage_since_ + kLingerMsMax, command_deadline(now));
    case Stage::dead: return {INT64_MAX};
    case Stage::serving: break;
  }
  if (session_->phase() != session::Phase::open) return stage_since_ + options.connect_ms_max;
  MonoMs next = session_->next_tick(now);
  const std::int64_t until_expiry = std::clamp<std::int64_t>(not_after_.value - now.wall.value, 0, kExpiryCheckMs);
  next = std::min(next, now.mono + until_expiry);
  if (upstream_ && upstream_->next_turn().value >= 0) next = std::min(next, upstream_->next_turn());
  return next;
}

void Connection::on_timer() {
  const session::Now now = context_.shared.now();
  const MonoMs stage_end = due(now);
  if (stage_ == Stage::closing || stage_ == Stage::lingering) {
    if (stage_end <= now.mono) die();
    return;
  }
  if (stage_ < Stage::serving) {
    const char* stage = stage_ == Stage::awaiting_header ? "proxy" : "handshake";
    if (stage_end <= now.mono) refuse_transport(stage, Reason::HANDSHAKE_TIMEOUT);
    return;
  }
  if (stage_ != Stage::serving) return;
  if (session_->phase() != session::Phase::open) {
    if (stage_end > now.mono) return;
    refused("connect", Reason::CONNECT_TIMEOUT);
    return transport_lost();
  }
  if (not_after_ <= now.wall) {
    run([&](session::Actions& out) { session_->end(Reason::CERTIFICATE_EXPIRED, now, out); });
  } else {
    run([&](session::Actions& out) { session_->tick(now, out); });
  }
  if (upstream_ && upstream_->next_turn().value >= 0 && upstream_->next_turn() <= now.mono) on_upstream(false, false);
  set_interest();
}

void Connection::evict() {
  if (!unfinished()) return;
  refused("handshake", Reason::SERVER_BUSY);
  lose_session();
}

void Connection::recheck() {
  if (stage_ != Stage::serving) return;
  const bool vehicle = role_ == session::Role::vehicle;
  const std::shared_ptr<const Trust> trust = vehicle ? context_.shared.vehicles.get() : context_.shared.services.get();
  std::optional<Reason> over;
  if (vehicle && context_.shared.denied.get()->contains(tls_.proof().id)) over = Reason::BLOCKED;
  if (trust->revoked(tls_.proof().chain)) over = Reason::REVOKED;
  if (!over) return;
  if (session_->phase() == session::Phase::awaiting_connect) return transport_lost();
  run([&](session::Actions& out) { session_->end(*over, context_.shared.now(), out); });
}

void Connection::drain() {
  if (stage_ < Stage::serving) return transport_lost();
  if (stage_ != Stage::serving) return;
  if (session_->phase() == session::Phase::awaiting_connect) return transport_lost();
  run([&](session::Actions& out) { session_->drain(context_.shared.now(), out); });
  set_interest();
}

}  // namespace wayside::broker::gate
