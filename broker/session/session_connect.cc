// CONNECT and what it begins.
#include <algorithm>

#include "broker/session/refusals.h"
#include "broker/session/session.h"

namespace wayside::broker::session {
namespace {

constexpr std::size_t kClientIdBytesMax = 64;

bool valid_client_id(std::string_view id) {
  if (id.empty() || id.size() > kClientIdBytesMax) return false;
  return std::all_of(id.begin(), id.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

}  // namespace

void Session::connect(const mqtt::Connect& packet, Now now, Actions& out) {
  if (phase_ != Phase::awaiting_connect) return fail(Reason::PROTOCOL_ERROR, "connect", now, out);
  version_ = packet.version;
  problem_information_ = packet.properties.request_problem_information.value_or(1) != 0;
  if (const std::optional<Reason> refused = refuse_connect(packet)) return refuse_connack(*refused, out);
  agree(packet);
  phase_ = Phase::opening;
  const bool vehicle = options_.peer.role == Role::vehicle;
  out.push_back(ClaimSession{key_, vehicle, {options_.peer.id, clean_start_, expiry_s_, now.wall}});
}

std::optional<Reason> Session::refuse_connect(const mqtt::Connect& packet) {
  if (packet.properties.authentication_method) return Reason::AUTHENTICATION_METHOD;
  if (packet.will) return Reason::WILL_NOT_ALLOWED;
  const std::string_view id = packet.client_id;
  if (id.empty() && version_ == mqtt::Version::v311 && !packet.clean_start) return Reason::CLIENT_ID_EMPTY;
  if (options_.peer.role == Role::vehicle) {
    if (!id.empty() && id != options_.peer.id) return Reason::VEHICLE_ID_MISMATCH;
    if (id.empty()) assigned_client_id_ = options_.peer.id;
    key_ = options_.peer.id;
    return std::nullopt;
  }
  if (!id.empty() && !valid_client_id(id)) return Reason::VEHICLE_ID_MISMATCH;
  if (id.empty()) {
    assigned_client_id_ =
        options_.peer.id + "-" + std::to_string(options_.self.thread) + "-" + std::to_string(options_.self.number);
  }
  key_ = options_.peer.id + "/" + (id.empty() ? assigned_client_id_ : std::string(id));
  return std::nullopt;
}

void Session::agree(const mqtt::Connect& packet) {
  const mqtt::Properties& asked = packet.properties;
  const Limits& limits = options_.limits;
  const bool v5 = version_ == mqtt::Version::v5;
  clean_start_ = packet.clean_start;
  asked_expiry_s_ = v5 ? asked.session_expiry_s.value_or(0) : (clean_start_ ? 0 : limits.session_expiry_max_s);
  expiry_s_ = std::min(asked_expiry_s_, limits.session_expiry_max_s);
  if (options_.peer.role == Role::service) expiry_s_ = 0;  // a service subscribes anew
  asked_keep_alive_s_ = packet.keep_alive_s;
  keep_alive_s_ =
      packet.keep_alive_s == 0 ? limits.keep_alive_max_s : std::min(packet.keep_alive_s, limits.keep_alive_max_s);
  peer_packet_bytes_max_ = asked.maximum_packet_size.value_or(0xFFFFFFFFU);
  outbound_.limit_to(asked.receive_maximum.value_or(65'535));
}

void Session::refuse_connack(Reason reason, Actions& out) {
  mqtt::Connack packet;
  packet.reason = connack_code(reason, version_);
  if (version_ == mqtt::Version::v5 && problem_information_) packet.properties.reason_string = code(reason);
  send(packet, out);
  close(reason, "connect", out);
}

void Session::send_connack(bool present, Actions& out) {
  mqtt::Connack packet;
  packet.session_present = present;
  mqtt::Properties& says = packet.properties;
  if (version_ == mqtt::Version::v5) {
    says.receive_maximum = options_.limits.receive_maximum;
    if (options_.peer.role == Role::service) says.maximum_qos = 1;
    says.retain_available = 0;
    says.maximum_packet_size = options_.limits.packet_bytes_max;
    says.topic_alias_maximum = options_.limits.topic_alias_max;
    says.subscription_identifier_available = 0;
    says.shared_available = 0;
    if (!assigned_client_id_.empty()) says.assigned_client_id = assigned_client_id_;
    if (expiry_s_ != asked_expiry_s_) says.session_expiry_s = expiry_s_;
    if (keep_alive_s_ != asked_keep_alive_s_) says.server_keep_alive_s = keep_alive_s_;
  }
  send(packet, out);
}

void Session::step(const Outcome<OpenedSession>& opened, Now now, Actions& out) {
  if (phase_ != Phase::opening) return;
  now_ = now;
  if (!opened.ok()) return refuse_connack(opened.reason(), out);
  phase_ = Phase::open;
  last_packet_ = now.mono;
  epoch_ = opened.value().epoch;
  outbound_.start_ids_at(epoch_);
  // 3.2.2.1.1: a session that ends with the connection is never present.
  send_connack(opened.value().present && durable(), out);
  if (options_.peer.role != Role::vehicle) return;
  presence(true, Reason::CLIENT_DISCONNECTED, now, out);
  if (durable()) resume(opened.value(), out);
}

// Rights are looked up again: a row may have been switched off since the session was stored.
void Session::resume(const OpenedSession& opened, Actions& out) {
  for (const StoredSubscription& stored : opened.subscriptions) {
    const Outcome<topic::Row> row = may_subscribe(options_, stored.filter);
    if (row.ok()) subscriptions_.emplace(stored.filter, Subscribed{stored, row.value()});
  }
  unreleased_.restore(opened.unreleased);
  announce_ready(out);
  replay_proxied(out);
}

}  // namespace wayside::broker::session
