// What goes down to the peer: commands, status and presence, and what the local broker sends.
#include <algorithm>

#include "broker/session/proxy_convert.h"
#include "broker/session/refusals.h"
#include "broker/session/session.h"

namespace wayside::broker::session {
namespace {

constexpr std::int64_t kProxyRetryMs = 2'000;
constexpr std::uint64_t kProxyRetrySpreadMs = 1'000;  // a fleet does not come back in one moment

}  // namespace

std::optional<std::uint8_t> Session::granted_qos(std::string_view topic) const {
  std::optional<std::uint8_t> qos;
  for (const auto& [filter, subscribed] : subscriptions_) {
    if (topic::matches(filter, topic)) qos = std::max(qos.value_or(0), subscribed.stored.qos);
  }
  return qos;
}

void Session::step(Deliver deliver, Now now, Actions& out) {
  if (phase_ != Phase::open || !ready_) return;  // VehicleGone is on its way: it is sent on the next connection
  now_ = now;
  if (outbound_.any_waiting() || !outbound_.window_open()) {
    const intent::CommandId id = deliver.id;
    if (outbound_.wait(std::move(deliver))) return;
    out.push_back(Count{"deliver", Reason::QUEUE_FULL});  // nothing was written: it ends EXPIRED
    out.push_back(PostCommand{CommandWritten{options_.peer.id, id, options_.self, false}, 0});
    return;
  }
  send_command(deliver, now, out);
}

void Session::send_command(const Deliver& deliver, Now now, Actions& out) {
  const std::string topic = "v1/" + options_.peer.id + "/cmd/" + intent::to_base32(deliver.id);
  const std::optional<std::uint8_t> qos = granted_qos(topic);
  const std::int64_t left_ms = deliver.deadline.value - now.wall.value;
  if (!qos || left_ms <= 0) {
    out.push_back(PostCommand{CommandWritten{options_.peer.id, deliver.id, options_.self, false}, 0});
    return;
  }
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = deliver.request;
  publish.qos = *qos;
  publish.properties.message_expiry_s =
      static_cast<std::uint32_t>(std::min<std::int64_t>((left_ms + 999) / 1'000, 0xFFFFFFFF));
  SendCommand command{{}, deliver.id, 0, deliver.deadline};
  if (*qos > 0)
    command.packet_id = publish.packet_id = outbound_.send(SentCommand{deliver.id, deliver.deadline, false});
  if (!fits(mqtt::encode_publish(publish, version_, command.bytes))) {
    outbound_.acknowledged(command.packet_id);
    out.push_back(Count{"deliver", Reason::PACKET_TOO_LARGE});  // nothing was written: it ends EXPIRED
    out.push_back(PostCommand{CommandWritten{options_.peer.id, deliver.id, options_.self, false}, 0});
    return;
  }
  out.push_back(std::move(command));
}

void Session::command_entered(const SendCommand& command, bool written, Now now, Actions& out) {
  outbound_.entered(command.packet_id, written);
  out.push_back(PostCommand{CommandWritten{options_.peer.id, command.id, options_.self, written}, 0});
  if (!written) send_waiting(now, out);
}

void Session::acknowledged(const mqtt::Ack& packet, Actions& out) {
  const bool vehicle = options_.peer.role == Role::vehicle;
  if (packet.kind == mqtt::AckKind::pubrel && vehicle) return release(packet.packet_id, out);
  // We send QoS 0 and 1 only: PUBREC and PUBCOMP answer nothing of ours; a service sends no QoS 2.
  if (packet.kind != mqtt::AckKind::puback) return fail(Reason::PROTOCOL_ERROR, "session", now_, out);
  const std::optional<Sent> sent = outbound_.acknowledged(packet.packet_id);
  if (!sent) {
    out.push_back(Count{"puback", Reason::PROTOCOL_ERROR});
    return;
  }
  if (const auto* command = std::get_if<SentCommand>(&*sent)) {
    out.push_back(PostCommand{CommandPuback{options_.peer.id, command->id, options_.self}, 0});
  } else if (const auto* proxied = std::get_if<SentProxied>(&*sent); proxied != nullptr && proxied->token != 0) {
    out.push_back(ProxyAck{proxied->token});
  }
  send_waiting(now_, out);
}

void Session::send_waiting(Now now, Actions& out) {
  while (phase_ == Phase::open) {
    std::optional<WaitingMessage> message = outbound_.next_waiting();
    if (!message) return;
    if (const auto* deliver = std::get_if<Deliver>(&*message)) {
      send_command(*deliver, now, out);
    } else if (const auto* event = std::get_if<ServiceEvent>(&*message)) {
      send_event(*event, out);
    } else {
      send_proxied(std::get<ProxyReceived>(*message), out);
    }
  }
}

void Session::step(const ServiceEvent& event, Now now, Actions& out) {
  if (phase_ != Phase::open || options_.peer.role != Role::service) return;
  now_ = now;
  const Acl* acl = options_.peer.acl.get();
  const std::optional<std::uint8_t> qos = granted_qos(event.topic);
  if (acl == nullptr || !qos || !acl->covers(event.vehicle)) return;
  if (*qos > 0 && (outbound_.any_waiting() || !outbound_.window_open())) {
    if (!outbound_.wait(event)) out.push_back(Count{"deliver", Reason::QUEUE_FULL});
    return;
  }
  send_event(event, out);
}

void Session::send_event(const ServiceEvent& event, Actions& out) {
  const std::optional<std::uint8_t> qos = granted_qos(event.topic);
  if (!qos) return;
  mqtt::Publish publish;
  publish.topic = event.topic;
  publish.payload = *event.payload;
  publish.qos = *qos;
  if (*qos > 0) publish.packet_id = outbound_.send(SentMessage{});
  send(publish, out);
}

void Session::step(ProxyEvent event, Now now, Actions& out) {
  if (phase_ != Phase::open) return;
  now_ = now;
  if (std::holds_alternative<ProxyDown>(event)) return proxy_down(now, out);
  if (const auto* acked = std::get_if<ProxyPubacked>(&event)) {
    // A code of the local broker that a PUBACK may carry is passed on in MQTT 5.
    const std::uint8_t own = version_ == mqtt::Version::v5 ? acked->reason : std::uint8_t{0};
    return resolve(acked->token, {std::nullopt, own}, out);
  }
  if (const auto* subacked = std::get_if<ProxySubacked>(&event))
    return proxy_answered(subacked->token, subacked->reasons, out);
  if (const auto* gone = std::get_if<ProxyUnsubacked>(&event)) return proxy_answered(gone->token, gone->reasons, out);
  auto& received = std::get<ProxyReceived>(event);
  if (!may_receive_proxied(options_, received.message.topic)) {
    out.push_back(Count{"proxy", Reason::NOT_AUTHORIZED});  // v1/ is not the local broker's to send
    if (received.message.qos > 0) out.push_back(ProxyAck{received.token});
    return;
  }
  if (received.message.qos > 0 && (outbound_.any_waiting() || !outbound_.window_open())) {
    const std::uint64_t token = received.token;
    if (outbound_.wait(std::move(received))) return;
    out.push_back(Count{"proxy", Reason::QUEUE_FULL});
    out.push_back(ProxyAck{token});  // dropped; unanswered it would hold a place of the upstream's window for good
    return;
  }
  send_proxied(received, out);
}

void Session::send_proxied(const ProxyReceived& received, Actions& out) {
  mqtt::Publish publish = publish_of(received.message);
  publish.qos = std::min<std::uint8_t>(received.message.qos, 1);
  if (publish.qos > 0) publish.packet_id = outbound_.send(SentProxied{received.token});
  Bytes bytes;
  if (fits(mqtt::encode_publish(publish, version_, bytes))) {
    out.push_back(SendBytes{std::move(bytes)});
    return;
  }
  if (publish.qos > 0) {
    outbound_.acknowledged(publish.packet_id);
    out.push_back(ProxyAck{received.token});
  }
  out.push_back(Count{"proxy", Reason::PACKET_TOO_LARGE});
}

// The local broker is away. Custody, commands and the connection go on; what waits for it is refused, and
// the subscriptions are replayed until it is back.
void Session::proxy_down(Now now, Actions& out) {
  out.push_back(Count{"proxy", Reason::LOCAL_BROKER_DOWN});
  outbound_.forget_upstream();
  std::vector<std::uint64_t> unanswered;
  for (const PendingSuback& pending : pending_) {
    if (pending.proxy_token != 0) unanswered.push_back(pending.proxy_token);
  }
  for (const std::uint64_t token : unanswered) proxy_answered(token, {}, out);
  std::vector<Acknowledgement> ready;
  inbound_.resolve_all(Stream::proxy, {Reason::LOCAL_BROKER_DOWN, 0}, ready);
  acknowledge(ready, out);
  proxy_retry_at_ = now.mono + (kProxyRetryMs + static_cast<std::int64_t>(options_.self.number % kProxyRetrySpreadMs));
}

void Session::replay_proxied(Actions& out) {
  proxy_retry_at_.reset();
  std::vector<ProxyFilter> filters;
  for (const auto& [filter, subscribed] : subscriptions_) {
    if (subscribed.row != topic::Row::broadcast && subscribed.row != topic::Row::ordinary) continue;
    filters.push_back(
        {filter, subscribed.stored.qos, subscribed.stored.no_local, subscribed.stored.retain_as_published, 2});
  }
  if (filters.empty()) return;
  out.push_back(ProxySubscribe{++last_token_, std::move(filters)});  // its answer is nobody's: they are granted already
}

}  // namespace wayside::broker::session
