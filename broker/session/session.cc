#include "broker/session/session.h"

#include <algorithm>

#include "broker/session/refusals.h"
#include "schemas/messages.h"
#include "schemas/record.h"

namespace wayside::broker::session {
namespace {

constexpr std::int64_t kNever = INT64_MAX;
constexpr std::int64_t kOnlineAgainMs = 5'000;  // 5 to 10 s after the first refusal, 40 to 45 s in the end
constexpr unsigned kOnlineDoublingsMax = 3;

// 3.1.2.10: one and a half times the keep alive.
std::int64_t silence_ms_max(std::uint16_t keep_alive_s) { return std::int64_t{keep_alive_s} * 1'500; }

}  // namespace

Session::Session(SessionOptions options)
    : options_(std::move(options)),
      aliases_(options_.limits.topic_alias_max),
      park_(options_.limits.park_packets_max, options_.limits.park_bytes_max),
      unreleased_(options_.limits.unreleased_ids_max),
      outbound_(options_.limits.sent_max, options_.limits.waiting_max) {}

Figures Session::figures() const {
  return {version_,
          epoch_,
          expiry_s_,
          keep_alive_s_,
          subscriptions_.size(),
          inbound_.size(),
          park_.packets(),
          outbound_.inflight(),
          outbound_.waiting()};
}

void Session::step(const mqtt::Packet& packet, Now now, Actions& out) {
  if (phase_ == Phase::closed) return;
  now_ = now;
  last_packet_ = now.mono;
  if (const auto* connect_packet = std::get_if<mqtt::Connect>(&packet)) return connect(*connect_packet, now, out);
  if (phase_ != Phase::open) return fail(Reason::PROTOCOL_ERROR, "connect", now, out);
  if (const auto* publish_packet = std::get_if<mqtt::Publish>(&packet)) return publish(*publish_packet, now, out);
  if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) return acknowledged(*ack, out);
  if (const auto* subscribe_packet = std::get_if<mqtt::Subscribe>(&packet)) return subscribe(*subscribe_packet, out);
  if (const auto* gone = std::get_if<mqtt::Unsubscribe>(&packet)) return unsubscribe(*gone, out);
  if (std::holds_alternative<mqtt::Pingreq>(packet)) return send(mqtt::Pingresp{}, out);
  if (const auto* bye = std::get_if<mqtt::Disconnect>(&packet)) {
    // 3.14.2.2.2: an expiry of 0 at CONNECT cannot be raised at the end.
    const std::optional<std::uint32_t> expiry = bye->properties.session_expiry_s;
    if (expiry && *expiry != 0 && expiry_s_ == 0) return fail(Reason::PROTOCOL_ERROR, "session", now, out);
    if (expiry) expiry_s_ = std::min(*expiry, options_.limits.session_expiry_max_s);
    finish(Reason::CLIENT_DISCONNECTED, now, out);
    return close(Reason::CLIENT_DISCONNECTED, "end", out);
  }
  fail(Reason::PROTOCOL_ERROR, "session", now, out);
}

void Session::step(const mqtt::Decoded& broken, Now now, Actions& out) {
  if (phase_ == Phase::closed) return;
  now_ = now;
  using mqtt::DecodeStatus;
  if (broken.status == DecodeStatus::unsupported_level && phase_ == Phase::awaiting_connect) {
    // The version of the answer is the nearest that the peer may read: some set the top bit of level 3 or 4.
    version_ = (broken.level & 0x7FU) <= 4 ? mqtt::Version::v311 : mqtt::Version::v5;
    return refuse_connack(Reason::PROTOCOL_LEVEL, out);
  }
  if (broken.status == DecodeStatus::too_large) return fail(Reason::PACKET_TOO_LARGE, "packet", now, out);
  const bool protocol =
      broken.status == DecodeStatus::protocol_error || broken.status == DecodeStatus::unsupported_level;
  fail(protocol ? Reason::PROTOCOL_ERROR : Reason::MALFORMED_PACKET, "packet", now, out);
}

void Session::end(Reason reason, Now now, Actions& out) {
  if (phase_ == Phase::closed) return;
  now_ = now;
  if (phase_ == Phase::opening) return refuse_connack(reason, out);
  fail(reason, "end", now, out);
}

void Session::lost(Now now, Actions& out) {
  if (phase_ == Phase::closed) return;
  now_ = now;
  finish(Reason::CONNECTION_LOST, now, out);
  close(Reason::CONNECTION_LOST, "end", out);
}

void Session::drain(Now now, Actions& out) {
  if (phase_ == Phase::closed) return;
  draining_ = true;
  now_ = now;
  end_when_drained(out);
}

// What is parked is not waited for: room may never come, and the peer was promised nothing.
void Session::end_when_drained(Actions& out) {
  if (!draining_ || !pending_.empty() || inbound_.undecided() > park_.waiting()) return;
  if (unreleased_.releasing() > 0) return;
  end(Reason::SERVER_SHUTTING_DOWN, now_, out);
}

void Session::tick(Now now, Actions& out) {
  if (phase_ != Phase::open) return;
  now_ = now;
  const std::optional<WallMs> deadline = outbound_.earliest_deadline();
  if (deadline && *deadline <= now.wall) {
    // Nothing that still travels may arrive late: the connection is reset, its buffers with it.
    finish(Reason::DEADLINE_PASSED, now, out);
    return close(Reason::DEADLINE_PASSED, "end", out, true);
  }
  if (keep_alive_s_ != 0 && now.mono - last_packet_ >= silence_ms_max(keep_alive_s_)) {
    return fail(Reason::KEEP_ALIVE_TIMEOUT, "end", now, out);
  }
  if (proxy_retry_at_ && *proxy_retry_at_ <= now.mono) replay_proxied(out);
  if (online_again_at_ && *online_again_at_ <= now.mono) {
    online_again_at_.reset();  // until the answer
    OfferRecord offer = presence_record(online_payload(), online_since_);
    offer.token = kOnlineToken;
    out.push_back(std::move(offer));
  }
  if (draining_ || park_.waiting() == 0) return;
  for (const Lane lane : kAllLanes) launch(lane, park_.due(lane, now.mono), out);
}

MonoMs Session::next_tick(Now now) const {
  std::int64_t next = kNever;
  if (phase_ != Phase::open) return {next};
  if (keep_alive_s_ != 0) next = last_packet_.value + silence_ms_max(keep_alive_s_);
  if (const std::optional<WallMs> deadline = outbound_.earliest_deadline()) {
    next = std::min(next, now.mono.value + std::max<std::int64_t>(0, deadline->value - now.wall.value));
  }
  if (proxy_retry_at_) next = std::min(next, proxy_retry_at_->value);
  if (online_again_at_) next = std::min(next, online_again_at_->value);
  const std::optional<MonoMs> due = draining_ ? std::nullopt : park_.next_due();
  if (due) next = std::min(next, due->value);
  return {next};
}

bool Session::wants_pause() const {
  if (phase_ == Phase::opening || draining_) return true;
  if (saves_waiting() >= options_.limits.saves_max) return true;
  if (version_ != mqtt::Version::v311) return false;
  // 3.1.1 has no Receive Maximum: a peer that sends more than we acknowledge at once waits for the commits,
  // never for the local broker, nor for room: what is parked is not in flight.
  const std::size_t commits = inbound_.undecided() - inbound_.undecided(Stream::proxy) - park_.waiting();
  return commits >= options_.limits.receive_maximum || park_.in_flight_bytes() >= options_.limits.park_bytes_max;
}

OfferRecord Session::presence_record(const Bytes& payload, WallMs at) const {
  const std::string topic = "v1/" + options_.peer.id + "/presence";
  schemas::RecordView record;
  record.vehicle = options_.peer.id;
  record.topic = topic;
  record.payload = payload;
  record.cohort = options_.peer.cohort;
  record.epoch = epoch_;
  record.source_time = at;
  Bytes body;
  schemas::encode_record(record, body);
  return {Lane::event, std::move(body), options_.peer.cohort, 0};
}

Bytes Session::online_payload() const {
  return schemas::build_presence({.vehicle = options_.peer.id,
                                  .online = true,
                                  .epoch = epoch_,
                                  .at = online_since_,
                                  .edge = options_.edge,
                                  .reason = {}});
}

// An event of its own, in custody and to the services; the newer epoch wins wherever both are seen.
void Session::presence(bool online, Reason reason, Now now, Actions& out) {
  const std::string& vehicle = options_.peer.id;
  if (online) online_since_ = now.wall;
  const Bytes payload = online ? online_payload()
                               : schemas::build_presence({.vehicle = vehicle,
                                                          .online = false,
                                                          .epoch = epoch_,
                                                          .at = now.wall,
                                                          .edge = options_.edge,
                                                          .reason = std::string(code(reason))});
  OfferRecord offer = presence_record(payload, now.wall);
  if (online) offer.token = kOnlineToken;
  if (!online) offer.offline = reason;
  out.push_back(std::move(offer));
  out.push_back(Announce{{vehicle, "v1/" + vehicle + "/presence", std::make_shared<const Bytes>(payload)}});
}

// By its ONLINE the core knows where a vehicle is: one that came while custody had no room is said as soon as there is,
// for commands to find it. Those who wait ask again apart from each other: the epoch is the millisecond they came in.
void Session::online_answered(const Committed& committed, Actions& out) {
  online_again_at_.reset();
  if (committed.ok) {
    online_refused_ = 0;
    return;
  }
  out.push_back(Count{"shed", committed.reason});
  const std::int64_t pause = kOnlineAgainMs << std::min<unsigned>(online_refused_, kOnlineDoublingsMax);
  if (online_refused_ < kOnlineDoublingsMax) ++online_refused_;
  online_again_at_ = now_.mono + pause + static_cast<std::int64_t>(epoch_ % kOnlineAgainMs);
}

// What the end of an open connection means to everybody else; before the Close, so that nothing of it can
// come after what a newer connection does.
void Session::finish(Reason reason, Now now, Actions& out) {
  if (phase_ != Phase::open || options_.peer.role != Role::vehicle) return;
  if (ready_) out.push_back(PostCommand{VehicleGone{options_.peer.id, options_.self}, 0});
  ready_ = false;
  presence(false, reason, now, out);
  out.push_back(EndSession{{options_.peer.id, epoch_, expiry_s_, now.wall}});
}

void Session::close(Reason reason, const char* stage, Actions& out, bool reset, bool penalty) {
  phase_ = Phase::closed;
  park_.clear();
  out.push_back(Close{reason, reset, penalty, stage});
}

// The connection ends by our word: DISCONNECT in MQTT 5 once it is open, silence otherwise.
void Session::fail(Reason reason, const char* stage, Now now, Actions& out) {
  if (phase_ == Phase::closed) return;
  if (phase_ == Phase::open && version_ == mqtt::Version::v5) {
    mqtt::Disconnect packet;
    packet.reason = disconnect_code(reason);
    if (problem_information_) packet.properties.reason_string = code(reason);
    send(packet, out);
  }
  finish(reason, now, out);
  // What the peer did it will do again; what was done to it (stage "end") it will not.
  const bool its_doing = phase_ == Phase::open && std::string_view(stage) != "end";
  close(reason, stage, out, false, its_doing && penalised(reason, version_));
}

// Packets that follow each other travel in one piece.
Bytes& Session::piece(Actions& out) {
  if (out.empty() || !std::holds_alternative<SendBytes>(out.back())) out.emplace_back(SendBytes{});
  return std::get<SendBytes>(out.back()).bytes;
}

void Session::send(const mqtt::Packet& packet, Actions& out) const {
  Bytes& bytes = piece(out);
  const std::size_t before = bytes.size();
  if (!fits(mqtt::encode(packet, version_, bytes))) bytes.resize(before);
}

}  // namespace wayside::broker::session
