// The MQTT session of one connection as a state machine: step(event) -> actions.
//
// Owns: what the connection has agreed on, its subscriptions, identifiers in both directions, what waits
// for an answer. Thread: the connection's. Durable: nothing itself; SaveSession is answered before SUBACK.
// Limits: SessionOptions::limits. Actions are appended in the order in which they must happen; after a
// Close nothing more is accepted.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "broker/session/actions.h"
#include "broker/session/aliases.h"
#include "broker/session/figures.h"
#include "broker/session/inbound.h"
#include "broker/session/options.h"
#include "broker/session/outbound.h"
#include "broker/session/park.h"
#include "broker/session/rights.h"
#include "broker/session/unreleased.h"
#include "common/mqtt/codec.h"

namespace wayside::broker::session {

enum class Phase : std::uint8_t { awaiting_connect, opening, open, closed };

class Session {
 public:
  explicit Session(SessionOptions options);

  // A decoded packet; its views are used before the call returns.
  void step(const mqtt::Packet& packet, Now now, Actions& out);
  // Bytes that are no packet: malformed, too large, a foreign protocol level.
  void step(const mqtt::Decoded& broken, Now now, Actions& out);
  // The session store's answer to ClaimSession; or the gate's: BLOCKED, BACKOFF, SERVER_SHUTTING_DOWN.
  void step(const Outcome<OpenedSession>& opened, Now now, Actions& out);
  void saved(std::uint64_t token, const Outcome<void>& outcome, Now now, Actions& out);
  // The answer to ReleaseId.
  void released(std::uint16_t packet_id, const Outcome<void>& outcome, Now now, Actions& out);
  void step(const Committed& committed, Now now, Actions& out);
  void step(const CommandAnswer& answer, Now now, Actions& out);
  void step(Deliver deliver, Now now, Actions& out);
  void step(const ServiceEvent& event, Now now, Actions& out);
  void step(ProxyEvent event, Now now, Actions& out);
  // The command of a SendCommand entered the TLS record, or was dropped because its deadline had passed.
  void command_entered(const SendCommand& command, bool written, Now now, Actions& out);
  // The gate ends the connection: taken over, blocked, revoked, shutting down, not draining.
  void end(Reason reason, Now now, Actions& out);
  // The transport is gone.
  void lost(Now now, Actions& out);
  void tick(Now now, Actions& out);
  // Takes nothing new; ends with SERVER_SHUTTING_DOWN once what waits is answered.
  void drain(Now now, Actions& out);

  // The earliest deadline of a command that is written and not acknowledged; also after the end.
  [[nodiscard]] std::optional<WallMs> holds_command_until() const { return outbound_.earliest_deadline(); }
  [[nodiscard]] MonoMs next_tick(Now now) const;
  // True: the peer is not to be read now; what it waits for is bounded by commits, not by the peer.
  [[nodiscard]] bool wants_pause() const;
  // What waits uncommitted for room in custody.
  [[nodiscard]] const Park& park() const { return park_; }
  [[nodiscard]] Phase phase() const { return phase_; }
  [[nodiscard]] mqtt::Version version() const { return version_; }
  [[nodiscard]] const Peer& peer() const { return options_.peer; }
  [[nodiscard]] const std::string& key() const { return key_; }
  [[nodiscard]] std::uint64_t epoch() const { return epoch_; }
  [[nodiscard]] Figures figures() const;

 private:
  struct Subscribed {
    StoredSubscription stored;
    topic::Row row{};
  };
  struct PendingSuback {
    std::uint16_t packet_id = 0;
    bool unsubscribe = false;
    std::vector<std::uint8_t> codes;
    std::vector<std::size_t> proxied;  // indexes of codes that the upstream answers
    std::vector<std::string> filters;  // of those
    std::uint64_t save_token = 0;      // 0: nothing to wait for
    std::uint64_t proxy_token = 0;
  };

  // session_connect.cc
  void connect(const mqtt::Connect& packet, Now now, Actions& out);
  std::optional<Reason> refuse_connect(const mqtt::Connect& packet);
  void agree(const mqtt::Connect& packet);
  void send_connack(bool present, Actions& out);
  void refuse_connack(Reason reason, Actions& out);
  void resume(const OpenedSession& opened, Actions& out);
  // session_publish.cc
  void publish(const mqtt::Publish& packet, Now now, Actions& out);
  std::optional<Reason> judge_packet(const mqtt::Publish& packet) const;
  const Outcome<PublishRight>& right_of(std::string_view topic);
  void take(const mqtt::Publish& packet, const PublishRight& right, std::string_view topic, Now now, Actions& out);
  void take_ack(const mqtt::Publish& packet, const PublishRight& right, Bytes body, Actions& out);
  void offer(const mqtt::Publish& packet, Lane lane, Bytes body, Actions& out);
  void take_proxied(const mqtt::Publish& packet, std::string_view topic, Actions& out);
  [[nodiscard]] bool parked(const Committed& committed, Actions& out);
  std::uint64_t admit(const mqtt::Publish& packet, Stream stream);
  [[nodiscard]] std::uint16_t receipt_of(std::uint64_t token) const;
  void launch(Lane lane, std::vector<ParkedRecord> records, Actions& out) const;
  void refuse_publish(const mqtt::Publish& packet, Reason reason, std::optional<Stream> stream, Actions& out);
  void acknowledge(const std::vector<Acknowledgement>& ready, Actions& out);
  void refuse_acknowledged(const Acknowledgement& one, Reason reason, Actions& out);
  void send_ack(mqtt::AckKind kind, std::uint16_t packet_id, std::uint8_t code, std::string_view reason_string,
                Actions& out);
  void resolve(std::uint64_t token, Verdict verdict, Actions& out);
  // session_release.cc
  [[nodiscard]] bool repeated(const mqtt::Publish& packet, Actions& out);
  void release(std::uint16_t packet_id, Actions& out);
  // session_subscribe.cc
  void subscribe(const mqtt::Subscribe& packet, Actions& out);
  std::uint8_t grant(const mqtt::Subscription& wanted, std::vector<ProxyFilter>& proxied, bool& changed, Actions& out);
  void unsubscribe(const mqtt::Unsubscribe& packet, Actions& out);
  void start_pending(PendingSuback pending, bool changed, Actions& out);
  std::uint64_t save(Actions& out);
  [[nodiscard]] std::size_t saves_waiting() const;
  void finish_pending(Actions& out);
  void announce_ready(Actions& out);
  void proxy_answered(std::uint64_t token, const std::vector<std::uint8_t>& reasons, Actions& out);
  // session_deliver.cc
  void acknowledged(const mqtt::Ack& packet, Actions& out);
  void send_waiting(Now now, Actions& out);
  void send_command(const Deliver& deliver, Now now, Actions& out);
  void send_event(const ServiceEvent& event, Actions& out);
  void send_proxied(const ProxyReceived& received, Actions& out);
  void proxy_down(Now now, Actions& out);
  void replay_proxied(Actions& out);
  [[nodiscard]] std::optional<std::uint8_t> granted_qos(std::string_view topic) const;
  // session.cc
  void presence(bool online, Reason reason, Now now, Actions& out);
  OfferRecord presence_record(const Bytes& payload, WallMs at) const;
  [[nodiscard]] Bytes online_payload() const;
  void online_answered(const Committed& committed, Actions& out);
  void end_when_drained(Actions& out);
  void finish(Reason reason, Now now, Actions& out);
  void close(Reason reason, const char* stage, Actions& out, bool reset = false, bool penalty = false);
  void fail(Reason reason, const char* stage, Now now, Actions& out);
  void send(const mqtt::Packet& packet, Actions& out) const;
  void send_plain_ack(mqtt::AckKind kind, std::uint16_t packet_id, std::uint8_t reason, Actions& out) const;
  static Bytes& piece(Actions& out);
  [[nodiscard]] bool fits(std::size_t bytes) const { return bytes <= peer_packet_bytes_max_; }
  [[nodiscard]] bool durable() const { return options_.peer.role == Role::vehicle && expiry_s_ > 0; }

  SessionOptions options_;
  Phase phase_ = Phase::awaiting_connect;
  bool draining_ = false;
  mqtt::Version version_ = mqtt::Version::v5;
  std::string key_;  // of the registry: vehicle id, or service/client id
  std::string assigned_client_id_;
  std::uint64_t epoch_ = 0;
  std::uint32_t expiry_s_ = 0;
  std::uint32_t asked_expiry_s_ = 0;
  std::uint32_t peer_packet_bytes_max_ = 0xFFFFFFFFU;
  std::uint16_t keep_alive_s_ = 0;
  std::uint16_t asked_keep_alive_s_ = 0;
  bool clean_start_ = true;
  bool problem_information_ = true;
  MonoMs last_packet_{};
  WallMs online_since_{};
  std::optional<MonoMs> online_again_at_;  // custody had no room for ONLINE
  std::uint8_t online_refused_ = 0;        // so often in a row
  Now now_{};                              // of the step that runs

  TopicAliases aliases_;
  std::string judged_topic_;                     // of the last publish: most name the same again
  std::optional<Outcome<PublishRight>> judged_;  // its views are into judged_topic_
  Inbound inbound_;
  std::vector<Acknowledgement> ready_to_leave_;  // memory of resolve()
  Park park_;
  Unreleased unreleased_;
  std::array<MonoMs, kLanes> shut_until_{};  // the lane had no room a moment ago: QoS 0 is not even offered
  std::array<Reason, kLanes> shut_reason_{};
  Outbound outbound_;
  std::map<std::string, Subscribed, std::less<>> subscriptions_;
  bool ready_ = false;  // VehicleReady was posted and not VehicleGone since
  std::deque<PendingSuback> pending_;
  std::uint64_t last_token_ = 0;  // of saves and upstream calls
  std::optional<MonoMs> proxy_retry_at_;
};

}  // namespace wayside::broker::session
