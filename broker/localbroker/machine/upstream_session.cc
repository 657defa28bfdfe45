#include "broker/localbroker/machine/upstream_session.h"

#include <algorithm>
#include <utility>

#include "broker/session/proxy_convert.h"
#include "common/mqtt/codec.h"
#include "common/result.h"

namespace wayside::broker {
namespace {

using session::ProxyDown;
using session::ProxyEvent;
using session::ProxyMessage;

constexpr auto kVersion = mqtt::Version::v5;
// A received token is generation and count: 2^40 messages a connection, 2^24 connections, then the
// generation wraps; an acknowledgement never lives that long.
constexpr unsigned kCountBits = 40;

bool may_come_from_local_broker(std::string_view topic) { return topic.starts_with("b/") || topic.starts_with("x/"); }

std::size_t size_of(const ProxyMessage& message) {
  std::size_t bytes = sizeof(ProxyMessage) + message.topic.size() + message.payload.size() +
                      message.content_type.size() + message.response_topic.size() + message.correlation_data.size();
  for (const auto& [name, value] : message.user) bytes += name.size() + value.size();
  return bytes;
}

}  // namespace

void UpstreamSession::write(const mqtt::Packet& packet) { mqtt::encode(packet, kVersion, output_); }

void UpstreamSession::connect(const std::string& client_id) {
  mqtt::Connect connect;
  connect.client_id = client_id;
  connect.properties.receive_maximum = limits_.receive_maximum;
  connect.properties.maximum_packet_size = static_cast<std::uint32_t>(limits_.packet_bytes_max);
  write(connect);
}

void UpstreamSession::disconnect() {
  if (down_) return;
  write(mqtt::Disconnect{});
  down_ = true;
}

void UpstreamSession::end(std::vector<ProxyEvent>& out) {
  if (!down_) out.emplace_back(ProxyDown{});
  down_ = true;
}

void UpstreamSession::received(ByteView bytes, MonoMs now, std::vector<ProxyEvent>& out) {
  input_.insert(input_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (!down_) {
    const mqtt::Decoded decoded =
        mqtt::decode(ByteView(input_).subspan(at), kVersion, mqtt::Role::client, limits_.packet_bytes_max);
    if (decoded.status == mqtt::DecodeStatus::need_more) break;
    if (decoded.status != mqtt::DecodeStatus::complete) return end(out);
    handle(decoded.packet, now, out);
    at += decoded.consumed;
  }
  input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(at));
}

void UpstreamSession::handle(const mqtt::Packet& packet, MonoMs now, std::vector<ProxyEvent>& out) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) return on_connack(*connack, now, out);
  if (!connected_) return end(out);
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) return on_publish(*publish, out);
  if (const auto* acknowledged = std::get_if<mqtt::Ack>(&packet)) return on_ack(*acknowledged, out);
  if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    return on_suback(suback->packet_id, suback->reasons, true, out);
  }
  if (const auto* unsuback = std::get_if<mqtt::Unsuback>(&packet)) {
    return on_suback(unsuback->packet_id, unsuback->reasons, false, out);
  }
  if (!std::holds_alternative<mqtt::Pingresp>(packet)) end(out);
}

void UpstreamSession::on_connack(const mqtt::Connack& connack, MonoMs now, std::vector<ProxyEvent>& out) {
  if (connected_ || connack.reason != 0) return end(out);
  connected_ = true;
  window_ = connack.properties.receive_maximum.value_or(0xFFFF);
  // Half the interval it insists on: one lost turn does not end the connection.
  ping_every_ms_ = connack.properties.server_keep_alive_s.value_or(0) * std::int64_t{500};
  if (ping_every_ms_ > 0) next_ping_ = now + ping_every_ms_;
  output_.insert(output_.end(), requests_.begin(), requests_.end());
  requests_.clear();
  send_waiting();
}

void UpstreamSession::on_publish(const mqtt::Publish& publish, std::vector<ProxyEvent>& out) {
  if (publish.qos > 1 || publish.properties.topic_alias) return end(out);  // neither was ever asked for
  if (!may_come_from_local_broker(publish.topic)) {
    ++counts_.reserved_topic;
    if (publish.qos == 1) write(mqtt::Ack{mqtt::AckKind::puback, publish.packet_id, 0, {}});
    return;
  }
  std::uint64_t token = 0;
  if (publish.qos == 1) {
    token = (generation_ << kCountBits) | ++received_tokens_;
    unacknowledged_.emplace(token, publish.packet_id);
    if (unacknowledged_.size() > limits_.receive_maximum) return end(out);
  }
  out.emplace_back(session::ProxyReceived{token, session::message_of(publish)});
}

void UpstreamSession::on_ack(const mqtt::Ack& acknowledged, std::vector<ProxyEvent>& out) {
  const auto found = publishes_.find(acknowledged.packet_id);
  if (acknowledged.kind != mqtt::AckKind::puback || found == publishes_.end()) return end(out);
  out.emplace_back(session::ProxyPubacked{found->second, acknowledged.reason});
  publishes_.erase(found);
  send_waiting();
}

void UpstreamSession::on_suback(std::uint16_t packet_id, const std::vector<std::uint8_t>& reasons, bool subscribed,
                                std::vector<ProxyEvent>& out) {
  auto& open = subscribed ? subscribes_ : unsubscribes_;
  const auto found = open.find(packet_id);
  if (found == open.end()) return end(out);
  if (subscribed) {
    out.emplace_back(session::ProxySubacked{found->second, reasons});
  } else {
    out.emplace_back(session::ProxyUnsubacked{found->second, reasons});
  }
  open.erase(found);
}

void UpstreamSession::tick(MonoMs now) {
  if (next_ping_.value < 0 || now < next_ping_) return;
  write(mqtt::Pingreq{});
  next_ping_ = now + ping_every_ms_;
}

std::uint16_t UpstreamSession::new_packet_id() {
  do {
    last_packet_id_ = last_packet_id_ == 0xFFFF ? std::uint16_t{1} : static_cast<std::uint16_t>(last_packet_id_ + 1);
  } while (publishes_.contains(last_packet_id_) || subscribes_.contains(last_packet_id_) ||
           unsubscribes_.contains(last_packet_id_));
  return last_packet_id_;
}

bool UpstreamSession::room_for(std::size_t bytes) const {
  return output().size() + requests_.size() + bytes <= limits_.output_bytes_max;
}

void UpstreamSession::send(const ProxyMessage& message, std::uint16_t packet_id) {
  mqtt::Publish publish = session::publish_of(message);
  publish.packet_id = packet_id;
  mqtt::encode_publish(publish, kVersion, output_);
}

bool UpstreamSession::publish(std::uint64_t token, const ProxyMessage& message) {
  if (down_) return true;  // ProxyDown is on its way
  const std::size_t bytes = size_of(message);
  const bool now =
      connected_ && waiting_.empty() && room_for(bytes) && (message.qos == 0 || publishes_.size() < window_);
  if (!now) {
    const bool full = waiting_bytes_ + bytes > limits_.waiting_bytes_max;
    if (full && message.qos == 0) return ++counts_.shed, true;
    if (full) return false;
    waiting_bytes_ += bytes;
    waiting_.push_back({token, message, bytes});
    return true;
  }
  const std::uint16_t packet_id = message.qos == 0 ? std::uint16_t{0} : new_packet_id();
  if (packet_id != 0) publishes_.emplace(packet_id, token);
  send(message, packet_id);
  return true;
}

void UpstreamSession::send_waiting() {
  while (connected_ && !waiting_.empty() && room_for(waiting_.front().bytes)) {
    Waiting& next = waiting_.front();
    if (next.message.qos > 0 && publishes_.size() >= window_) return;
    const std::uint16_t packet_id = next.message.qos == 0 ? std::uint16_t{0} : new_packet_id();
    if (packet_id != 0) publishes_.emplace(packet_id, next.token);
    send(next.message, packet_id);
    waiting_bytes_ -= next.bytes;
    waiting_.pop_front();
  }
}

bool UpstreamSession::subscribe(std::uint64_t token, const std::vector<session::ProxyFilter>& filters) {
  if (down_) return true;
  mqtt::Subscribe request;
  std::size_t bytes = 16;
  for (const session::ProxyFilter& filter : filters) {
    bytes += filter.filter.size() + 3;
    request.subscriptions.push_back({filter.filter, std::min<std::uint8_t>(filter.qos, 1), filter.no_local,
                                     filter.retain_as_published, filter.retain_handling});
  }
  if (!room_for(bytes)) return false;
  request.packet_id = new_packet_id();
  subscribes_.emplace(request.packet_id, token);
  mqtt::encode(request, kVersion, connected_ ? output_ : requests_);
  return true;
}

bool UpstreamSession::unsubscribe(std::uint64_t token, const std::vector<std::string>& filters) {
  if (down_) return true;
  mqtt::Unsubscribe request;
  std::size_t bytes = 16;
  for (const std::string& filter : filters) {
    bytes += filter.size() + 2;
    request.filters.emplace_back(filter);
  }
  if (!room_for(bytes)) return false;
  request.packet_id = new_packet_id();
  unsubscribes_.emplace(request.packet_id, token);
  mqtt::encode(request, kVersion, connected_ ? output_ : requests_);
  return true;
}

void UpstreamSession::ack(std::uint64_t token) {
  const auto found = unacknowledged_.find(token);
  if (found == unacknowledged_.end() || down_) {
    ++counts_.stale_ack;
    return;
  }
  mqtt::encode_ack(mqtt::Ack{mqtt::AckKind::puback, found->second, 0, {}}, kVersion, output_);
  unacknowledged_.erase(found);
}

void UpstreamSession::output_taken(std::size_t bytes) {
  output_at_ += bytes;
  WAYSIDE_ASSERT(output_at_ <= output_.size());
  if (output_at_ == output_.size()) {
    output_.clear();
    output_at_ = 0;
  }
  send_waiting();
}

UpstreamCounts UpstreamSession::take_counts() { return std::exchange(counts_, {}); }

}  // namespace wayside::broker
