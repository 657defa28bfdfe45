// One I/O thread: an epoll loop over its listeners, its connections and its mailbox.
//
// A turn serves, in this order: messages from the other threads, connections that are open, handshakes (a
// bounded number), new connections (a bounded number), timers; then sends, once a connection.
#pragma once

#include <atomic>
#include <memory>
#include <queue>
#include <set>
#include <span>
#include <thread>
#include <vector>

#include "broker/gate/connection.h"
#include "broker/gate/listener.h"
#include "broker/gate/numbered_slots.h"

namespace wayside::broker::gate {

// Owns: its thread, listeners and connections. Thread: start and stop from the gate's owner.
// Limits: connections_max of the process, handshakes_max of the thread.
class IoThread {
 public:
  IoThread(Shared& shared, std::uint32_t index, Listener vehicles, Listener services);
  ~IoThread();
  IoThread(const IoThread&) = delete;
  IoThread& operator=(const IoThread&) = delete;

  void start();

 private:
  void run();
  bool turn();
  void take_messages();
  bool handle(Message& message);
  void handle_seldom(Message& message);
  void serve(std::uint64_t key, std::uint32_t events);
  void accept(const Listener& listener, session::Role role);
  void admit(int fd, session::Role role);
  [[nodiscard]] bool may_speak_for_others(int fd) const;
  void refuse_at_accept(int fd, const char* stage, Reason reason);
  void fire_timers();
  void flush_dirty();
  void touched(Connection& connection);
  void served(Connection& connection);
  void settle(Connection& connection);
  void listen(bool on);
  [[nodiscard]] int wait_ms() const;
  Connection* find(ConnectionRef ref);
  void prefetch_tls(std::uint64_t number) const;
  [[nodiscard]] bool is_unfinished(std::uint64_t number) const;
  template <typename T>
  void forward(T& message);
  void forward_opened(const Opened& message);
  void take_over(const TakeOver& message);
  void taken_over(TakenOver message);
  void forward_event(const ServiceEvent& event);
  void forward_group(std::span<const Committed> answers);
  void hand_over();

  Shared& shared_;
  Counters counters_;
  ThreadContext context_;
  Listener vehicles_;
  Listener services_;
  std::thread thread_;

  bool serving_ = false;  // listeners are watched
  bool draining_ = false;
  MonoMs accept_again_{};  // after the process ran out of descriptors; {0}: no pause
  NumberedSlots<Connection> connections_;
  std::set<std::uint64_t> unfinished_;  // handshakes and CONNECTs, oldest first
  std::set<std::uint64_t> service_connections_;
  using Timer = std::pair<std::int64_t, std::uint64_t>;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  std::vector<Connection*> dirty_;  // each once; only settle() ends their lives
  std::vector<Message> messages_;
};

}  // namespace wayside::broker::gate
