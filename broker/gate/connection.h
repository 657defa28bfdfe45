// One connection: socket, TLS, the bytes that are not a packet yet, the session, what is to be sent, and
// the upstream to the local broker if it ever needed one.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "broker/gate/connection_report.h"
#include "broker/gate/counters.h"
#include "broker/gate/listener.h"
#include "broker/gate/shared.h"
#include "broker/gate/tls_stream.h"
#include "broker/session/session.h"
#include "common/ring.h"

namespace wayside::broker::gate {

// A claim that waits until the connection before it has stopped reading. It outlives the connection that
// made it: whoever claims next waits for the same older one.
struct PendingTakeover {
  std::string key;
  std::vector<ConnectionRef> behind;  // newer claims, to be told when this one is through
};

// What a connection has of its I/O thread.
struct ThreadContext {
  static constexpr unsigned kServedPerLookMax = 16;

  Shared& shared;
  Counters& counters;
  std::uint32_t thread = 0;
  int epoll_fd = -1;
  std::shared_ptr<Mailbox> mailbox;
  Bytes receive{};                                       // one receive of any connection
  Bytes plaintext{};                                     // and what it decrypts to, while it is parsed
  std::map<std::uint64_t, PendingTakeover> takeovers{};  // by the number of the connection that claimed
  session::Now now{};                                    // for what need not be exact to the millisecond
  unsigned served_since = 0;                             // that look at the clocks
  mqtt::Decoded decoded{};                               // the packet that is being taken
  session::Actions actions{};                            // memory of a step that ended, for the next one
  std::array<OfferBurst, kLanes> bursts{};               // offered in this turn, by lane
  std::vector<Committed> refused{};                      // of what was handed over; told at the end of the turn
  std::array<std::optional<Reason>, kLanes> no_room{};   // until then, by lane: nothing overtakes what was refused

  void look_at_clock() {
    now = shared.now();
    served_since = 0;
  }
  // Before each of the many that a turn serves: so many cost less than reading the clocks does.
  void next_served() {
    if (++served_since >= kServedPerLookMax) look_at_clock();
  }
  // Gives custody what was offered: at the end of a turn, or when something must not overtake it.
  void hand_over();
};

// awaiting_header: of a balancer, where the configuration wants one.
enum class Stage : std::uint8_t { awaiting_header, handshaking, serving, closing, lingering, dead };

// Owns: its sockets. Thread: one I/O thread, for life. Limits: input by packet_bytes_max and one receive,
// output by output_bytes_max, time by stage.
class Connection {
 public:
  Connection(ThreadContext& context, std::uint64_t number, int fd, session::Role role,
             std::shared_ptr<const Trust> trust);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void on_socket(bool readable, bool writable, bool broken);
  void on_upstream(bool readable, bool writable);
  void on_timer();
  // Sends what is there: once a turn.
  void flush();

  void deliver(const Committed& message);
  void deliver(std::span<const Committed> answers);
  void deliver(Deliver message);
  void deliver(const CommandAnswer& message);
  void deliver(const CloseConnection& message);
  void deliver(const ServiceEvent& message);
  void deliver(const Opened& message);
  void deliver(const Saved& message);
  void deliver(const Released& message);
  void deliver(const TakenOver& message);
  void taken_over();
  void recheck();
  void drain();
  // The thread ends: what the end of the connection means to others still happens.
  void abandon() { transport_lost(); }
  // The oldest unfinished handshake gives way to a newer one.
  void evict();
  // After a message: what the session waited for may have come, and it reads on.
  void resume();
  void prefetch_tls() const {
    if (stage_ == Stage::serving) tls_.prefetch();
  }
  // CONNECT is accepted and the session store was asked.
  [[nodiscard]] bool awaits_session() const {
    return stage_ == Stage::serving && session_->phase() == session::Phase::opening;
  }

  // nullopt: its session is not open.
  [[nodiscard]] std::optional<ConnectionReport> report() const;

  [[nodiscard]] ConnectionRef ref() const { return self_; }
  [[nodiscard]] Stage stage() const { return stage_; }
  [[nodiscard]] session::Role role() const { return role_; }
  // Who it comes from, for operators: of the header of a balancer, else of the socket.
  [[nodiscard]] std::optional<proxyheader::Endpoint> peer() const { return carried_ ? carried_ : peer_of(fd_); }
  // Neither TLS nor CONNECT is through yet.
  [[nodiscard]] bool unfinished() const;
  [[nodiscard]] MonoMs due(session::Now now) const;
  [[nodiscard]] bool needs_flush() const {
    return stage_ != Stage::dead && (output_bytes_ > 0 || stage_ == Stage::closing || !tls_.pending().empty());
  }

  MonoMs scheduled{INT64_MAX};  // the earliest timer of the thread for this connection
  bool dirty = false;           // in the thread's list of what to flush

 private:
  struct Outgoing {
    Bytes bytes;
    std::optional<session::SendCommand> command;  // bytes are in there
  };

  // connection.cc
  void receive();
  [[nodiscard]] ByteView behind_header(ByteView bytes);
  void shake_hands();
  [[nodiscard]] std::optional<Reason> overtaken() const;
  void begin_session();
  void pump();
  std::size_t parse(ByteView bytes);
  std::size_t step_packets(ByteView bytes, session::Actions& out);
  [[nodiscard]] bool takes_packets() const;
  bool parse_kept();
  bool reads_on();
  void discard();
  void refuse_transport(const char* stage, Reason reason);
  void refused(const char* stage, Reason reason);
  void transport_lost();
  void lose_session();
  void die();
  [[nodiscard]] std::uint32_t wanted() const;
  void set_interest();
  // connection_actions.cc
  void apply(session::Actions& actions);
  void act(session::SendBytes& action);
  void act(session::SendCommand& action);
  void act(session::OfferRecord& action);
  void act(session::OfferInOrder& action);
  std::uint64_t opening_of(const session::OfferRecord& record);
  void act(session::ShedRecord& action);
  void act(session::PostCommand& action);
  void act(session::Announce& action);
  void act(session::ClaimSession& action);
  void act(session::SaveSession& action);
  void act(session::EndSession& action);
  void act(session::ReleaseId& action);
  void act(session::ProxyPublish& action);
  void act(session::ProxySubscribe& action);
  void act(session::ProxyUnsubscribe& action);
  void act(session::ProxyAck& action);
  void act(session::Count& action);
  void act(session::Close& action);
  Outcome<void> offer(session::OfferRecord& record);
  void offer_offline(session::OfferRecord& action);
  std::function<void(const Committed&)> await_receipt(Lane lane, std::uint64_t token, std::uint16_t packet_id);
  std::optional<Reason> may_open() const;
  [[nodiscard]] std::string registry_key_of(const std::string& key) const;
  void open_session();
  void logged_in();
  void logged_out();
  bool upstream();
  void upstream_down();
  void watch_upstream();
  // Runs one step of the session and carries out what it asks.
  template <typename Step>
  void run(Step step) {
    session::Actions actions;  // a step may lead to another one: each has its own
    actions.swap(context_.actions);
    step(actions);
    apply(actions);
    actions.clear();
    actions.swap(context_.actions);
    arm_reset();
    report_park();
  }
  void arm_reset();
  [[nodiscard]] MonoMs command_deadline(session::Now now) const;
  void report_park();
  // connection_output.cc
  bool send_ciphertext();
  void fill_record();
  void send_plain();
  void queue(Outgoing outgoing);
  void finish_closing();

  ThreadContext& context_;
  const ConnectionRef self_;
  const session::Role role_;
  int fd_;
  TlsStream tls_;
  Stage stage_ = Stage::handshaking;
  MonoMs stage_since_{};
  WallMs not_after_{};                            // of what was proven in the handshake
  std::optional<proxyheader::Endpoint> carried_;  // what the balancer's header says of the peer
  std::uint32_t interest_ = 0;
  std::optional<session::Session> session_;
  Bytes input_;            // plaintext that is not parsed yet; before TLS begins, of the balancer's header
  Bytes plain_;            // leaves before output_, which is empty unless a command waits
  Ring<Outgoing> output_;  // a command and what follows it
  std::size_t output_bytes_ = 0;
  bool health_check_ = false;  // the balancer spoke for itself, and TLS has not begun
  bool reset_armed_ = false;
  bool write_blocked_ = false;
  bool paused_ = false;
  bool watched_ = false;
  bool rearm_ = false;  // the socket holds more than was read: edges tell of it once
  std::size_t discarded_ = 0;

  std::optional<session::ClaimSession> claim_;  // while the session opens
  std::string registry_key_;                    // not empty: claimed
  bool online_ = false;
  std::array<std::uint64_t, kLanes> openings_{};  // of custody's doors, that what is in flight went through
  std::size_t parked_packets_ = 0;                // as last reported to the gauges
  std::size_t parked_bytes_ = 0;

  std::unique_ptr<session::Upstream> upstream_;
};

}  // namespace wayside::broker::gate
