#include "broker/gate/io_thread.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace wayside::broker::gate {
namespace {

constexpr std::size_t kEventsMax = 256;
constexpr std::size_t kReceiveBytes = 64U << 10U;
constexpr std::size_t kHandshakesPerTurnMax = 16;
constexpr int kAcceptsPerTurnMax = 32;
constexpr int kIdleMsMax = 1'000;
constexpr std::int64_t kNoDescriptorsPauseMs = 100;

// Keys of the epoll set. Connections are number << 1, their upstreams number << 1 | 1.
constexpr std::uint64_t kMailboxKey = 0;
constexpr std::uint64_t kVehiclesKey = 2;
constexpr std::uint64_t kServicesKey = 4;
constexpr std::uint64_t kFirstNumber = NumberedSlots<Connection>::kFirstNumber;

// So many connections before its turn one is fetched into the cache, and then its TLS, which it says the place of.
constexpr std::size_t kAhead = 4;
constexpr std::size_t kTlsAhead = 2;

void watch(int epoll_fd, int operation, int fd, std::uint64_t key) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = key;
  WAYSIDE_ASSERT(::epoll_ctl(epoll_fd, operation, fd, &event) == 0);
}

}  // namespace

IoThread::IoThread(Shared& shared, std::uint32_t index, Listener vehicles, Listener services)
    : shared_(shared),
      counters_(shared.metrics, index),
      context_{shared,
               counters_,
               index,
               ::epoll_create1(EPOLL_CLOEXEC),
               shared.mailboxes.at(index),
               Bytes(kReceiveBytes),
               Bytes(kReceiveBytes),
               {}},
      vehicles_(std::move(vehicles)),
      services_(std::move(services)) {
  WAYSIDE_ASSERT(context_.epoll_fd >= 0);
  watch(context_.epoll_fd, EPOLL_CTL_ADD, context_.mailbox->fd(), kMailboxKey);
}

IoThread::~IoThread() {
  if (thread_.joinable()) {
    context_.mailbox->post(Stop{});
    thread_.join();
  }
  connections_.clear();
  ::close(context_.epoll_fd);
}

void IoThread::start() {
  thread_ = std::thread([this] { run(); });
}

void IoThread::run() {
  const std::string name = "gate-" + std::to_string(context_.thread);
  ::pthread_setname_np(::pthread_self(), name.c_str());
  while (turn()) {
  }
}

int IoThread::wait_ms() const {
  std::int64_t wait = kIdleMsMax;
  const MonoMs now = shared_.clock.mono();
  if (!timers_.empty()) wait = std::min(wait, timers_.top().first - now.value);
  if (accept_again_.value != 0) wait = std::min(wait, accept_again_ - now);
  return static_cast<int>(std::max<std::int64_t>(0, wait));
}

bool IoThread::turn() {
  std::array<epoll_event, kEventsMax> events{};
  const int count = ::epoll_wait(context_.epoll_fd, events.data(), kEventsMax, wait_ms());
  WAYSIDE_ASSERT(count >= 0 || errno == EINTR);
  const auto ready = std::span(events).first(static_cast<std::size_t>(std::max(0, count)));
  context_.look_at_clock();
  const MonoMs began = context_.now.mono;

  take_messages();
  for (Message& message : messages_) {
    if (!handle(message)) return false;
  }
  messages_.clear();
  // Those that are in go before those that want in.
  std::size_t handshakes = 0;
  for (const bool unfinished : {false, true}) {
    if (unfinished && unfinished_.empty()) break;
    for (std::size_t i = 0; i < ready.size(); ++i) {
      if (i + kAhead < ready.size()) connections_.prefetch(ready[i + kAhead].data.u64 >> 1U);
      if (i + kTlsAhead < ready.size()) prefetch_tls(ready[i + kTlsAhead].data.u64 >> 1U);
      const epoll_event& event = ready[i];
      if (event.data.u64 < kFirstNumber << 1U) continue;
      if (is_unfinished(event.data.u64 >> 1U) != unfinished) continue;
      if (unfinished && ++handshakes > kHandshakesPerTurnMax) continue;  // still ready in the next turn
      serve(event.data.u64, event.events);
    }
  }
  for (const epoll_event& event : ready) {
    if (event.data.u64 == kVehiclesKey) accept(vehicles_, session::Role::vehicle);
    if (event.data.u64 == kServicesKey) accept(services_, session::Role::service);
  }
  fire_timers();
  do {
    hand_over();
    flush_dirty();
  } while (!dirty_.empty() || !context_.refused.empty());
  counters_.turn(static_cast<double>(shared_.clock.mono() - began));
  return true;
}

void IoThread::take_messages() { context_.mailbox->take(messages_); }

Connection* IoThread::find(ConnectionRef ref) { return connections_.find(ref.number); }

void IoThread::prefetch_tls(std::uint64_t number) const {
  if (const Connection* connection = connections_.find(number)) connection->prefetch_tls();
}

bool IoThread::is_unfinished(std::uint64_t number) const {
  return !unfinished_.empty() && unfinished_.contains(number);
}

template <typename T>
void IoThread::forward(T& message) {
  Connection* connection = find(message.to);
  if (connection == nullptr) return;
  connection->deliver(std::move(message));
  connection->resume();
  touched(*connection);
}

// A session that opened for nobody ends at once, or it would count as connected for ever.
void IoThread::forward_opened(const Opened& message) {
  Connection* connection = find(message.to);
  if (connection != nullptr && connection->awaits_session()) return forward(message);
  if (!message.outcome.ok()) return;
  shared_.sessions.end(
      {message.request.id, message.outcome.value().epoch, message.request.expiry_s, shared_.clock.wall()});
}

// The older connection ends here and now. If it waits for one that is older still, so does the newer one.
void IoThread::take_over(const TakeOver& message) {
  if (Connection* connection = find(message.to)) {
    connection->taken_over();
    touched(*connection);
  }
  const auto waiting = context_.takeovers.find(message.to.number);
  if (waiting != context_.takeovers.end()) {
    waiting->second.behind.push_back(message.by);
  } else {
    shared_.mailboxes.at(message.by.thread)->post(TakenOver{message.by});
  }
}

void IoThread::taken_over(TakenOver message) {
  const auto waiting = context_.takeovers.find(message.to.number);
  if (waiting == context_.takeovers.end()) return;
  const PendingTakeover through = std::move(waiting->second);
  context_.takeovers.erase(waiting);
  const Connection* connection = find(message.to);
  if (connection == nullptr || !connection->awaits_session()) shared_.registry.release(through.key, message.to);
  forward(message);
  for (const ConnectionRef& next : through.behind) shared_.mailboxes.at(next.thread)->post(TakenOver{next});
}

void IoThread::forward_event(const ServiceEvent& event) {
  for (const std::uint64_t number : service_connections_) {
    Connection& connection = *connections_.find(number);
    connection.deliver(event);
    touched(connection);
  }
}

// Answers to one connection that follow each other are one step of it.
void IoThread::forward_group(std::span<const Committed> answers) {
  while (!answers.empty()) {
    std::size_t count = 1;
    while (count < answers.size() && answers[count].to == answers.front().to) ++count;
    const std::size_t ahead = count - 1 + kAhead;
    if (ahead < answers.size()) connections_.prefetch(answers[ahead].to.number);
    const std::size_t tls_ahead = count - 1 + kTlsAhead;
    if (tls_ahead < answers.size()) prefetch_tls(answers[tls_ahead].to.number);
    context_.next_served();
    if (Connection* connection = find(answers.front().to)) {
      connection->deliver(answers.first(count));
      connection->resume();
      served(*connection);
    }
    answers = answers.subspan(count);
  }
}

// What was offered in this turn goes to custody; what it refuses is told at once. A session that ends because of that
// offers once more.
void IoThread::hand_over() {
  context_.hand_over();
  while (!context_.refused.empty()) {
    std::vector<Committed> refused;
    refused.swap(context_.refused);
    context_.no_room = {};
    forward_group(refused);
    context_.hand_over();
  }
}

// False: the thread ends.
bool IoThread::handle(Message& message) {
  if (std::holds_alternative<Stop>(message)) {
    flush_dirty();
    connections_.for_each([](Connection& connection) { connection.abandon(); });
    context_.hand_over();
    return false;
  }
  if (auto* one = std::get_if<Committed>(&message)) forward(*one);
  if (auto* one = std::get_if<CommittedGroup>(&message)) forward_group(one->answers);
  if (auto* one = std::get_if<Deliver>(&message)) forward(*one);
  if (auto* one = std::get_if<CommandAnswer>(&message)) forward(*one);
  if (auto* one = std::get_if<CloseConnection>(&message)) forward(*one);
  if (auto* one = std::get_if<Saved>(&message)) forward(*one);
  if (auto* one = std::get_if<Released>(&message)) forward(*one);
  if (auto* one = std::get_if<TakenOver>(&message)) taken_over(*one);
  if (auto* one = std::get_if<Opened>(&message)) forward_opened(*one);
  if (auto* one = std::get_if<ServiceEvent>(&message)) forward_event(*one);
  if (auto* one = std::get_if<TakeOver>(&message)) take_over(*one);
  if (message.index() >= kFirstSeldom) handle_seldom(message);
  return true;
}

void IoThread::handle_seldom(Message& message) {
  if (const auto* one = std::get_if<Describe>(&message)) {
    const Connection* connection = find(one->to);
    one->done(connection == nullptr ? std::nullopt : connection->report());
  }
  if (std::holds_alternative<OpenListeners>(message)) {
    serving_ = true;
    listen(true);
  }
  if (std::holds_alternative<Recheck>(message) || std::holds_alternative<Drain>(message)) {
    const bool drain = std::holds_alternative<Drain>(message);
    if (drain && serving_) listen(false);
    draining_ = draining_ || drain;
    connections_.for_each([&](Connection& connection) {
      if (drain) {
        connection.drain();
      } else {
        connection.recheck();
      }
      touched(connection);
    });
  }
}

void IoThread::listen(bool on) {
  serving_ = on;
  const auto set = [&](const Listener& listener, std::uint64_t key) {
    if (listener.fd() >= 0) watch(context_.epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener.fd(), key);
  };
  set(vehicles_, kVehiclesKey);
  set(services_, kServicesKey);
}

void IoThread::serve(std::uint64_t key, std::uint32_t events) {
  Connection* connection = find({context_.thread, key >> 1U});
  if (connection == nullptr) return;
  const bool readable = (events & EPOLLIN) != 0;
  const bool writable = (events & EPOLLOUT) != 0;
  const bool broken = (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0;
  context_.next_served();
  if ((key & 1U) != 0) {
    connection->on_upstream(readable || broken, writable);
  } else {
    connection->on_socket(readable, writable, broken);
  }
  served(*connection);
}

void IoThread::accept(const Listener& listener, session::Role role) {
  for (int i = 0; i < kAcceptsPerTurnMax && serving_; ++i) {
    const int fd = listener.accept(shared_.options.tcp_user_timeout_ms);
    if (fd == -1) return;
    if (fd == -2) {
      counters_.refused("accept", Reason::SERVER_BUSY);
      accept_again_ = shared_.clock.mono() + kNoDescriptorsPauseMs;
      return listen(false);
    }
    admit(fd, role);
  }
}

// Whether the peer is a proxy that is believed.
bool IoThread::may_speak_for_others(int fd) const {
  const std::optional<proxyheader::Endpoint> peer = peer_of(fd);
  return peer && std::ranges::any_of(shared_.options.proxy.trusted, [&](const proxyheader::Network& network) {
           return network.contains(peer->address);
         });
}

void IoThread::refuse_at_accept(int fd, const char* stage, Reason reason) {
  counters_.refused(stage, reason);
  ::close(fd);
}

void IoThread::admit(int fd, session::Role role) {
  counters_.accepted.add();
  const bool full = shared_.connections.load(std::memory_order_relaxed) >= shared_.options.connections_max;
  if (full || connections_.size() >= NumberedSlots<Connection>::kSlotsMax) {
    return refuse_at_accept(fd, "accept", Reason::SERVER_BUSY);
  }
  const bool vehicle = role == session::Role::vehicle;
  if (vehicle && shared_.options.proxy.required && !may_speak_for_others(fd)) {
    return refuse_at_accept(fd, "proxy", Reason::PROXY_UNTRUSTED);
  }
  const std::uint64_t number = connections_.next_number();
  Connection& admitted = connections_.add(
      std::make_unique<Connection>(context_, number, fd, role, (vehicle ? shared_.vehicles : shared_.services).get()));
  unfinished_.insert(number);
  if (!vehicle) service_connections_.insert(number);
  touched(admitted);
  if (unfinished_.size() <= shared_.options.handshakes_max) return;
  Connection& oldest = *connections_.find(*unfinished_.begin());
  unfinished_.erase(unfinished_.begin());
  oldest.evict();
  touched(oldest);
}

// While it is in the cache, unless something else of this turn waits to leave with what it has.
void IoThread::served(Connection& connection) {
  if (!connection.dirty) settle(connection);
}

void IoThread::touched(Connection& connection) {
  if (connection.dirty) return;
  connection.dirty = true;
  dirty_.push_back(&connection);
}

void IoThread::fire_timers() {
  const MonoMs now = shared_.clock.mono();
  if (accept_again_.value != 0 && accept_again_ <= now && !draining_) {
    accept_again_ = {};
    listen(true);
  }
  while (!timers_.empty() && timers_.top().first <= now.value) {
    const std::uint64_t number = timers_.top().second;
    timers_.pop();
    Connection* connection = find({context_.thread, number});
    if (connection == nullptr) continue;
    connection->scheduled = {INT64_MAX};
    if (connection->due(shared_.now()) <= now) connection->on_timer();
    touched(*connection);
  }
}

void IoThread::flush_dirty() {
  // Flushing may touch others only through the mailbox: the list does not grow under our feet.
  std::vector<Connection*> dirty;
  dirty.swap(dirty_);
  for (Connection* connection : dirty) settle(*connection);
  dirty.clear();
  if (dirty_.empty()) dirty_.swap(dirty);
}

// After everything that happened to a connection in this turn: send, set its timer, forget it when dead.
void IoThread::settle(Connection& connection) {
  const std::uint64_t number = connection.ref().number;
  connection.dirty = false;
  if (connection.needs_flush()) connection.flush();
  if (!unfinished_.empty() && !connection.unfinished()) unfinished_.erase(number);
  if (connection.stage() == Stage::dead) {
    unfinished_.erase(number);
    service_connections_.erase(number);
    connections_.erase(number);
    return;
  }
  const MonoMs due = connection.due(context_.now);
  if (due >= connection.scheduled) return;
  connection.scheduled = due;
  timers_.emplace(due.value, number);
}

}  // namespace wayside::broker::gate
