#include "fleet/issuer.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

#include "common/reasons.h"
#include "fleet/evidence.h"
#include "schemas/gen/command_generated.h"

namespace wayside::fleet {
namespace {

constexpr std::uint16_t kKeepAliveS = 60;
constexpr std::int64_t kPingMs = 20'000;
constexpr std::int64_t kPollMsMax = 200;

// The sentence of our catalogue for a code, or nothing.
std::string sentence_of(std::string_view reason_code) {
  const auto reason = parse_reason(reason_code);
  return reason ? std::string(info(*reason).sentence) : std::string();
}

RequestAnswer from_puback(const mqtt::Ack& ack) {
  const std::string word(ack.properties.reason_string.value_or(""));
  if (ack.reason < 0x80) return {"ACCEPTED", "", ""};
  return {"REFUSED", word.empty() ? fmt::format("0x{:02X}", ack.reason) : word, sentence_of(word)};
}

}  // namespace

Issuer::~Issuer() {
  if (connection_ == nullptr || connection_->state() != Connection::State::open) return;
  connection_->send(mqtt::Packet(mqtt::Disconnect{}));
  connection_->flush();
}

Result<std::unique_ptr<Issuer>> Issuer::connect(IssuerOptions options, const Clock& clock, int timeout_ms) {
  auto issuer = std::unique_ptr<Issuer>(new Issuer(std::move(options), clock));
  if (auto opened = issuer->open(timeout_ms); !opened) return std::move(opened).error();
  return issuer;
}

Result<void> Issuer::turn(MonoMs until, const char* what) {
  if (ready_ && clock_.mono() - last_ping_ > kPingMs) {
    connection_->send(mqtt::Packet(mqtt::Pingreq{}));
    last_ping_ = clock_.mono();
  }
  connection_->flush();
  const auto left = until - clock_.mono();
  if (left <= 0) return Error{Fault::timeout, fmt::format("no {} in time", what)};
  const short events = static_cast<short>(POLLIN | (connection_->wants_write() ? POLLOUT : 0));
  pollfd polled{connection_->fd(), events, 0};
  poll(&polled, 1, static_cast<int>(std::min<std::int64_t>(left, kPollMsMax)));
  connection_->pump();
  if (connection_->state() != Connection::State::closed) return {};
  return Error{Fault::unreachable, connection_->why_closed() + " while waiting for " + what};
}

template <typename Take>
Result<void> Issuer::wait(MonoMs until, const char* what, Take take) {
  for (;;) {
    bool taken = false;
    while (const auto packet = connection_->next()) {
      if (const auto* publish = std::get_if<mqtt::Publish>(&*packet)) received(*publish);
      if (const auto* bye = std::get_if<mqtt::Disconnect>(&*packet)) {
        return Error{Fault::denied, fmt::format("the server said DISCONNECT 0x{:02X} {}", bye->reason,
                                                bye->properties.reason_string.value_or(""))};
      }
      taken = take(*packet) || taken;
    }
    if (taken) return {};
    if (auto turned = turn(until, what); !turned) return turned;
  }
}

Result<void> Issuer::open(int timeout_ms) {
  auto tls = TlsClient::load(options_.tls);
  if (!tls) return std::move(tls).error();
  tls_ = std::make_unique<TlsClient>(std::move(*tls));
  auto started = Connection::start(options_.to, *tls_);
  if (!started) return std::move(started).error();
  connection_ = std::move(*started);
  const auto until = clock_.mono() + timeout_ms;
  while (connection_->state() != Connection::State::open) {
    if (auto turned = turn(until, "the TLS handshake"); !turned) return turned;
  }
  mqtt::Connect connect;
  connect.clean_start = true;  // the edge assigns an id; statuses are followed while connected only
  connect.keep_alive_s = kKeepAliveS;
  connection_->send(mqtt::Packet(connect));
  std::uint8_t refused = 0;
  auto answered = wait(until, "CONNACK", [&](const mqtt::Packet& packet) {
    const auto* connack = std::get_if<mqtt::Connack>(&packet);
    if (connack != nullptr) refused = connack->reason;
    return connack != nullptr;
  });
  if (!answered) return answered;
  if (refused != 0) return Error{Fault::denied, fmt::format("the server refused the connection: 0x{:02X}", refused)};
  ready_ = true;
  return options_.way == Way::core ? subscribe("wayside/answer/" + options_.service, until) : Result<void>{};
}

Result<void> Issuer::subscribe(const std::string& filter, MonoMs until) {
  mqtt::Subscribe subscribe;
  subscribe.packet_id = ++packet_id_;
  subscribe.subscriptions.push_back({filter, 1, false, false, 0});
  connection_->send(mqtt::Packet(subscribe));
  std::uint8_t code = 0;
  auto answered = wait(until, "SUBACK", [&](const mqtt::Packet& packet) {
    const auto* suback = std::get_if<mqtt::Suback>(&packet);
    if (suback != nullptr && !suback->reasons.empty()) code = suback->reasons[0];
    return suback != nullptr;
  });
  if (answered && code >= 0x80) return Error{Fault::denied, fmt::format("{}: refused with 0x{:02X}", filter, code)};
  return answered;
}

Result<void> Issuer::follow(const std::string& vehicle, int timeout_ms) {
  return subscribe("v1/" + vehicle + "/status/+", clock_.mono() + timeout_ms);
}

void Issuer::received(const mqtt::Publish& publish) {
  if (publish.qos == 1) connection_->send(mqtt::Ack{mqtt::AckKind::puback, publish.packet_id, 0, {}});
  if (publish.topic.find("/status/") != std::string_view::npos) {
    // The edge speaks FlatBuffers; the core's mqtt sink speaks what its value_format says.
    if (auto status = schemas::parse_command_status(publish.payload)) {
      statuses_.push_back(std::move(status).value());
    } else if (auto from_json = parse_status_json(as_text(publish.payload))) {
      statuses_.push_back(std::move(*from_json));
    }
    return;
  }
  const auto correlation = publish.properties.correlation_data;
  if (!correlation || as_text(*correlation) != wanted_correlation_) return;
  if (auto answer = schemas::parse_answer(publish.payload)) answer_ = std::move(answer).value();
}

Result<RequestAnswer> Issuer::request(const std::string& vehicle, const SignedRequest& request, int timeout_ms) {
  const auto until = clock_.mono() + timeout_ms;
  const auto topic = "v1/" + vehicle + "/request";
  const auto answers = "wayside/answer/" + options_.service;
  mqtt::Publish publish;
  publish.topic = topic;
  publish.payload = request.bytes;
  publish.qos = 1;
  publish.packet_id = ++packet_id_;
  if (options_.way == Way::core) {
    wanted_correlation_ = request.id_text;
    answer_.reset();
    publish.properties.response_topic = answers;
    publish.properties.correlation_data = as_bytes(request.id_text);
  }
  connection_->send(publish);
  std::optional<RequestAnswer> puback;
  auto waited = wait(until, "answer", [&](const mqtt::Packet& packet) {
    const auto* ack = std::get_if<mqtt::Ack>(&packet);
    if (ack != nullptr && ack->packet_id == publish.packet_id) puback = from_puback(*ack);
    // The core broker's PUBACK is no answer, unless it is a refusal.
    return options_.way == Way::region ? puback.has_value() : answer_ || (puback && puback->outcome == "REFUSED");
  });
  if (!waited) return std::move(waited).error();
  if (!answer_) return *puback;
  return RequestAnswer{answer_->outcome, answer_->reason, answer_->sentence};
}

Result<void> Issuer::listen(int ms) {
  connection_->pump();
  const auto until = clock_.mono() + ms;
  const auto heard = wait(until, "message", [](const mqtt::Packet&) { return false; });
  // Nothing more within the time is the ordinary end.
  if (!heard && heard.error().fault != Fault::timeout) return heard.error();
  return {};
}

std::optional<schemas::CommandStatusMessage> Issuer::final(const SignedRequest& request) const {
  const auto found = std::find_if(statuses_.begin(), statuses_.end(), [&](const auto& status) {
    return status.command_id == request.id && schemas::terminal(status.state);
  });
  return found == statuses_.end() ? std::nullopt : std::optional(*found);
}

Result<schemas::CommandStatusMessage> Issuer::wait_final(const SignedRequest& request, int timeout_ms) {
  if (auto known = final(request)) return *known;
  auto waited =
      wait(clock_.mono() + timeout_ms, "final status", [&](const mqtt::Packet&) { return final(request).has_value(); });
  if (waited) return *final(request);
  const auto last = std::find_if(statuses_.rbegin(), statuses_.rend(),
                                 [&](const auto& status) { return status.command_id == request.id; });
  const std::string state(last == statuses_.rend() ? "none" : schemas::to_string(last->state));
  return std::move(waited).error().with("the last status is " + state);
}

}  // namespace wayside::fleet
