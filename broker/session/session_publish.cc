// PUBLISH of the peer: alias -> grammar -> rights -> payload -> effect; all of it or nothing.
#include "broker/session/payload.h"
#include "broker/session/proxy_convert.h"
#include "broker/session/refusals.h"
#include "broker/session/session.h"
#include "schemas/record.h"

namespace wayside::broker::session {
namespace {

std::optional<Stream> stream_for(const PublishRight& right) {
  switch (right.effect) {
    case Effect::custody: return stream_of(topic::lane_of(right.parsed.row));
    case Effect::ack: return Stream::ack_lane;
    case Effect::request: return Stream::request;
    case Effect::proxy: return Stream::proxy;
  }
  return std::nullopt;
}

}  // namespace

void Session::publish(const mqtt::Publish& packet, Now now, Actions& out) {
  if (const std::optional<Reason> refused = judge_packet(packet)) return refuse_publish(packet, *refused, {}, out);
  const std::optional<std::string_view> topic = aliases_.resolve(packet.topic, packet.properties.topic_alias);
  if (!topic) return refuse_publish(packet, Reason::TOPIC_ALIAS_INVALID, {}, out);
  // Before anything is judged: what is in custody is answered again, whatever would be said of it today.
  if (packet.qos == 2 && repeated(packet, out)) return;
  const Outcome<PublishRight>& right = right_of(*topic);
  if (!right.ok()) return refuse_publish(packet, right.reason(), {}, out);
  const bool request = right.value().effect == Effect::request;
  const std::optional<std::string_view> response = packet.properties.response_topic;
  if (!request && response && !may_name_response(options_, *response)) {
    return refuse_publish(packet, Reason::NOT_AUTHORIZED, stream_for(right.value()), out);
  }
  // A request is answered by its PUBACK, which says why: 3.1.1 and QoS 0 could not be told.
  if (request && (version_ != mqtt::Version::v5 || packet.qos == 0)) {
    return refuse_publish(packet, Reason::NOT_AUTHORIZED, Stream::request, out);
  }
  take(packet, right.value(), *topic, now, out);
}

// What a peer may publish does not change while it is connected.
const Outcome<PublishRight>& Session::right_of(std::string_view topic) {
  if (!judged_ || judged_topic_ != topic) {
    judged_topic_ = topic;
    judged_ = may_publish(options_, judged_topic_);
  }
  return *judged_;
}

std::optional<Reason> Session::judge_packet(const mqtt::Publish& packet) const {
  if (!packet.properties.subscription_identifiers.empty()) return Reason::PROTOCOL_ERROR;
  if (packet.qos > 1 && options_.peer.role == Role::service) return Reason::QOS_NOT_SUPPORTED;
  if (packet.retain) return Reason::RETAIN_NOT_ALLOWED;
  const bool v5 = version_ == mqtt::Version::v5;
  if (v5 && packet.qos > 0 && inbound_.size() + unreleased_.in_window() >= options_.limits.receive_maximum)
    return Reason::RECEIVE_MAXIMUM_EXCEEDED;
  return std::nullopt;
}

void Session::take(const mqtt::Publish& packet, const PublishRight& right, std::string_view topic, Now now,
                   Actions& out) {
  if (packet.qos == 2) {
    if (right.effect == Effect::proxy) return refuse_publish(packet, Reason::QOS_NOT_SUPPORTED, {}, out);
    if (unreleased_.full()) return refuse_publish(packet, Reason::TOO_MANY_UNRELEASED, stream_for(right), out);
  }
  if (right.effect == Effect::proxy) return take_proxied(packet, topic, out);
  if (right.effect == Effect::request) {
    const std::uint64_t token = inbound_.add(Stream::request, packet.packet_id);
    const Bytes request(packet.payload.begin(), packet.payload.end());
    out.push_back(PostCommand{CommandRequested{request, options_.self, token, {}}, token});
    return;
  }
  const Outcome<PayloadInfo> payload = judge_payload(right.parsed, packet);
  if (!payload.ok()) return refuse_publish(packet, payload.reason(), stream_for(right), out);
  schemas::RecordView record;
  record.vehicle = options_.peer.id;
  record.topic = topic;
  record.payload = packet.payload;
  record.cohort = options_.peer.cohort;
  record.mid = payload.value().mid;
  record.sequence = payload.value().sequence;
  record.signal_batch = payload.value().signal_batch;
  record.epoch = epoch_;
  record.source_time = now.wall;
  if (packet.qos == 2) {
    record.qos2_session = options_.peer.id;
    record.packet_id = packet.packet_id;
  }
  Bytes body;
  schemas::encode_record(record, body);
  if (right.effect == Effect::ack) return take_ack(packet, right, std::move(body), out);
  offer(packet, topic::lane_of(right.parsed.row), std::move(body), out);
}

void Session::take_ack(const mqtt::Publish& packet, const PublishRight& right, Bytes body, Actions& out) {
  AckOffered offered;
  offered.vehicle = options_.peer.id;
  intent::parse_base32(right.parsed.rest, offered.id);  // judge_payload has seen that it parses
  offered.payload.assign(packet.payload.begin(), packet.payload.end());
  offered.body = std::move(body);
  offered.cohort = options_.peer.cohort;
  offered.to = options_.self;
  offered.token = packet.qos == 0 ? 0 : admit(packet, Stream::ack_lane);
  const std::uint64_t token = offered.token;
  out.push_back(PostCommand{std::move(offered), token, receipt_of(token)});
}

void Session::take_proxied(const mqtt::Publish& packet, std::string_view topic, Actions& out) {
  // Half of the window at most waits for the local broker: custody keeps the rest when that one hangs.
  if (packet.qos > 0 && inbound_.size(Stream::proxy) >= (options_.limits.receive_maximum + 1U) / 2) {
    return refuse_publish(packet, Reason::QUEUE_FULL, Stream::proxy, out);
  }
  const std::uint64_t token = packet.qos == 0 ? 0 : inbound_.add(Stream::proxy, packet.packet_id);
  ProxyMessage message = message_of(packet);
  message.topic = topic;  // of an alias
  out.push_back(ProxyPublish{token, std::move(message)});
}

void Session::refuse_publish(const mqtt::Publish& packet, Reason reason, std::optional<Stream> stream, Actions& out) {
  switch (publish_answer(reason, version_, packet.qos)) {
    case Answer::drop: out.push_back(Count{"publish", reason}); return;
    case Answer::puback:
      // In order with the stream it would have gone to; what has no row has nobody to wait for.
      if (stream) return resolve(inbound_.add(*stream, packet.packet_id, packet.qos == 2), {reason, 0}, out);
      out.push_back(Count{"publish", reason});
      return send_ack(packet.qos == 2 ? mqtt::AckKind::pubrec : mqtt::AckKind::puback, packet.packet_id,
                      puback_code(reason), code(reason), out);
    case Answer::disconnect:
    case Answer::close: return fail(reason, "publish", now_, out);
  }
}

void Session::send_ack(mqtt::AckKind kind, std::uint16_t packet_id, std::uint8_t reason, std::string_view reason_string,
                       Actions& out) {
  if (!problem_information_ || reason_string.empty()) return send_plain_ack(kind, packet_id, reason, out);
  mqtt::Ack ack;
  ack.kind = kind;
  ack.packet_id = packet_id;
  ack.reason = reason;
  ack.properties.reason_string = reason_string;
  send(ack, out);
}

void Session::send_plain_ack(mqtt::AckKind kind, std::uint16_t packet_id, std::uint8_t reason, Actions& out) const {
  Bytes& bytes = piece(out);
  const std::size_t before = bytes.size();
  if (!fits(mqtt::encode_plain_ack(kind, packet_id, reason, version_, bytes))) bytes.resize(before);
}

void Session::resolve(std::uint64_t token, Verdict verdict, Actions& out) {
  std::vector<Acknowledgement> ready = std::move(ready_to_leave_);
  ready.clear();
  inbound_.resolve(token, verdict, ready);
  acknowledge(ready, out);
  ready_to_leave_ = std::move(ready);
}

void Session::acknowledge(const std::vector<Acknowledgement>& ready, Actions& out) {
  for (const Acknowledgement& one : ready) {
    if (phase_ == Phase::closed) return;
    if (one.verdict.refused) {
      refuse_acknowledged(one, *one.verdict.refused, out);
    } else if (one.qos2) {
      unreleased_.received(one.token);
      send_ack(mqtt::AckKind::pubrec, one.packet_id, 0, "", out);
    } else {
      const bool request = one.stream == Stream::request;
      send_ack(mqtt::AckKind::puback, one.packet_id, one.verdict.proxied_code, request ? "ACCEPTED" : "", out);
    }
  }
  end_when_drained(out);
}

void Session::refuse_acknowledged(const Acknowledgement& one, Reason reason, Actions& out) {
  if (one.qos2) unreleased_.refused(one.token);
  // The record of a QoS 2 publish is in custody and its identifier is not durable: no answer would be true.
  const bool in_between = one.qos2 && reason == Reason::STORE_FAULT;
  if (in_between || publish_answer(reason, version_, 1) != Answer::puback) return fail(reason, "publish", now_, out);
  out.push_back(Count{one.stream == Stream::request ? "request" : "publish", reason});
  send_ack(one.qos2 ? mqtt::AckKind::pubrec : mqtt::AckKind::puback, one.packet_id, puback_code(reason), code(reason),
           out);
}

void Session::step(const CommandAnswer& answer, Now now, Actions& out) {
  if (phase_ != Phase::open) return;
  now_ = now;
  resolve(answer.token, answer.accepted ? Verdict{} : Verdict{answer.reason, 0}, out);
}

}  // namespace wayside::broker::session
