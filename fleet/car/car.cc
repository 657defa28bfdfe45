#include "fleet/car/car.h"

#include <fmt/format.h>

#include <algorithm>

#include "schemas/signal_batch.h"

namespace wayside::fleet {
namespace {

constexpr std::int64_t kConnectTimeoutMs = 10'000;

// Sequences rise over restarts of the fleet too: they start at the wall clock with room for 1,024 a ms.
std::uint64_t first_sequence(std::int64_t wall_ms) { return static_cast<std::uint64_t>(wall_ms) << 10U; }

}  // namespace

Car::Car(CarOptions options, std::unique_ptr<Source> source, std::unique_ptr<Commands> commands, Journal& journal,
         std::shared_ptr<const TlsClient> tls, Endpoint to)
    : options_(std::move(options)),
      source_(std::move(source)),
      commands_(std::move(commands)),
      journal_(journal),
      tls_(std::move(tls)),
      to_(std::move(to)),
      outbox_(options_.waiting_messages_max),
      backoff_(100, options_.backoff_max_ms, options_.seed),
      window_(options_.window),
      sequence_(0) {}

MonoMs Car::due() const {
  MonoMs due{INT64_MAX};
  if (!finished_ && next_frame_) due = *next_frame_;
  if (!connection_ && !offline_) due = std::min(due, next_connect_);
  if (ready_) due = std::min(due, last_sent_ + options_.keep_alive_s * 500);
  return due;
}

void Car::step(MonoMs now, WallMs wall) {
  if (!offline_ && !connection_ && now >= next_connect_) connect(now);
  sample_due(now, wall);
  keep_alive(now);
  fill_window(now);
}

void Car::sample_due(MonoMs now, WallMs wall) {
  if (options_.interval_ms == 0) {  // keep one window waiting behind the one in flight
    while (!finished_ && outbox_.waiting() < window_) sample_frame(wall);
    next_frame_.reset();
    return;
  }
  // The first frame falls anywhere in the interval, so that cars do not speak in chorus.
  if (!next_frame_)
    next_frame_ = now + static_cast<std::int64_t>(options_.seed % static_cast<std::uint64_t>(options_.interval_ms));
  while (!finished_ && now >= *next_frame_) {
    next_frame_ = *next_frame_ + options_.interval_ms;
    if (outbox_.full()) {
      ++stats_.skipped;
    } else {
      sample_frame(wall);
    }
  }
}

void Car::sample_frame(WallMs wall) {
  // A value is known by (vehicle, path, time): no two frames may share a millisecond.
  last_t_ms_ = std::max(wall.value, last_t_ms_ + 1);
  if (sequence_ == 0) sequence_ = first_sequence(wall.value);
  std::vector<Sample> samples;
  if (!source_->next({last_t_ms_}, samples)) {
    finished_ = true;
    return;
  }
  const auto topic = "v1/" + options_.vehicle + "/state";
  journal_.message(options_.vehicle, ++sequence_, topic, samples);
  put({sequence_, topic, schemas::build_signal_batch(sequence_, source_->catalogue(), samples)});
  ++stats_.frames;
  if (options_.event_every != 0 && stats_.frames % options_.event_every == 0) sample_event({last_t_ms_}, samples);
  if (options_.frames_max != 0 && stats_.frames >= options_.frames_max) finished_ = true;
}

void Car::sample_event(WallMs at, const std::vector<Sample>& samples) {
  schemas::EventMessage event;
  event.sequence = ++sequence_;
  event.name = "trip-report";
  event.t = at;
  event.text = fmt::format("{} frames since the start", stats_.frames);
  event.signals.assign(samples.begin(),
                       samples.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(3, samples.size())));
  const auto topic = "v1/" + options_.vehicle + "/event/" + event.name;
  journal_.message(options_.vehicle, sequence_, topic, event.signals);
  put({sequence_, topic, schemas::build_event(event)});
}

void Car::put(Outgoing message) {
  message.qos2 = options_.qos2_every != 0 && message.sequence % options_.qos2_every == 0;
  outbox_.put(std::move(message));
}

void Car::connect(MonoMs now) {
  auto started = Connection::start(to_, *tls_);
  if (!started) {
    lost(now, started.error().what);
    return;
  }
  connection_ = std::move(*started);
  ++connection_number_;
  connect_sent_ = false;
  last_received_ = now;
}

void Car::lost(MonoMs now, const std::string& why) {
  last_failure_ = why;  // before the connection goes: the sentence may be its own
  connection_.reset();
  ready_ = false;
  outbox_.connection_lost();
  next_connect_ = now + backoff_.wait_ms();
}

void Car::go_offline(MonoMs now) {
  offline_ = true;
  if (connection_) lost(now, "told to go offline");
}

void Car::come_back(MonoMs now) {
  offline_ = false;
  backoff_.reset();
  next_connect_ = now;
}

void Car::redirect(Endpoint to) {
  if (to.host == to_.host && to.port == to_.port) return;
  to_ = std::move(to);
  session_known_ = false;
}

void Car::say_goodbye() {
  if (!ready_) return;
  connection_->send(mqtt::Packet(mqtt::Disconnect{}));
  connection_->pump();
}

void Car::send_connect() {
  mqtt::Connect connect;
  connect.client_id = options_.vehicle;
  connect.clean_start = options_.qos2_every != 0 && !session_known_;
  connect.keep_alive_s = options_.keep_alive_s;
  connect.properties.session_expiry_s = options_.session_expiry_s;
  connection_->send(mqtt::Packet(connect));
  connect_sent_ = true;
}

void Car::keep_alive(MonoMs now) {
  if (!connection_) return;
  const auto silence_ms = now - last_received_;
  const auto patience_ms = ready_ ? options_.keep_alive_s * 1500 : kConnectTimeoutMs;
  if (silence_ms > patience_ms) {
    lost(now, "the server was silent for too long");
  } else if (ready_ && now - last_sent_ >= options_.keep_alive_s * 500) {
    connection_->send(mqtt::Packet(mqtt::Pingreq{}));
    last_sent_ = now;
  }
}

void Car::fill_window(MonoMs now) {
  if (!ready_) return;
  while (auto* message = outbox_.take(window_)) {
    last_sent_ = now;
    if (message->received) {
      connection_->send(mqtt::Ack{mqtt::AckKind::pubrel, message->packet_id, 0, {}});
      continue;
    }
    mqtt::Publish publish;
    publish.topic = message->topic;
    publish.payload = message->payload;
    publish.qos = message->qos2 ? 2 : 1;
    publish.packet_id = message->packet_id;
    publish.dup = message->sent_before && session_present_;
    // With QoS 2 and its session this is no second message: it must not come out of a sink again.
    if (message->sent_before && message->sequence != 0 && !(message->qos2 && session_present_)) {
      journal_.resent(options_.vehicle, message->sequence);
      ++stats_.resent;
    }
    connection_->send(publish);
    stats_.bytes += message->payload.size() + message->topic.size();
  }
}

void Car::pump(MonoMs now, WallMs wall) {
  if (!connection_) return;
  connection_->pump();
  if (connection_->state() == Connection::State::open && !connect_sent_) {
    send_connect();
    connection_->pump();
  }
  while (connection_) {
    const auto packet = connection_->next();
    if (!packet) break;
    last_received_ = now;
    handle(*packet, now, wall);
  }
  if (connection_ && connection_->state() == Connection::State::closed) lost(now, connection_->why_closed());
}

void Car::flush(MonoMs now) {
  if (!connection_) return;
  connection_->flush();
  if (connection_->state() == Connection::State::closed) lost(now, connection_->why_closed());
}

void Car::handle(const mqtt::Packet& packet, MonoMs now, WallMs wall) {
  if (const auto* connack = std::get_if<mqtt::Connack>(&packet)) return on_connack(*connack, now);
  if (const auto* ack = std::get_if<mqtt::Ack>(&packet)) return on_ack(*ack, wall);
  if (const auto* publish = std::get_if<mqtt::Publish>(&packet)) return on_command(*publish, wall);
  if (const auto* suback = std::get_if<mqtt::Suback>(&packet)) {
    const bool refused = std::any_of(suback->reasons.begin(), suback->reasons.end(), [](auto r) { return r >= 0x80; });
    if (refused) last_failure_ = fmt::format("the command subscription was refused: 0x{:02X}", suback->reasons[0]);
    return;
  }
  if (const auto* disconnect = std::get_if<mqtt::Disconnect>(&packet)) {
    lost(now, fmt::format("the server said DISCONNECT 0x{:02X}", disconnect->reason));
  }
}

void Car::on_connack(const mqtt::Connack& connack, MonoMs now) {
  if (connack.reason != 0) {
    lost(now, fmt::format("the server refused the connection: 0x{:02X}", connack.reason));
    return;
  }
  ready_ = true;
  session_present_ = connack.session_present;
  session_known_ = true;
  if (!session_present_) outbox_.session_lost();
  window_ = std::min<std::size_t>(options_.window, connack.properties.receive_maximum.value_or(65535));
  last_sent_ = now;
  ++stats_.connects;
  backoff_.reset();
  if (commands_ == nullptr || session_present_) return;
  const auto filter = "v1/" + options_.vehicle + "/cmd/+";
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 0xFFFF;  // the outbox never gives it out
  subscribe.subscriptions.push_back({filter, 1, false, false, 0});
  connection_->send(mqtt::Packet(subscribe));
}

void Car::on_ack(const mqtt::Ack& ack, WallMs wall) {
  if (ack.kind == mqtt::AckKind::pubrec && ack.reason < 0x80) {
    if (const Outgoing* message = outbox_.received(ack.packet_id)) answered(message->sequence, 0, wall);
    connection_->send(mqtt::Ack{mqtt::AckKind::pubrel, ack.packet_id, 0, {}});
    return;
  }
  const auto message = outbox_.acknowledged(ack.packet_id);
  if (message && !message->received) answered(message->sequence, ack.reason, wall);
}

void Car::answered(std::uint64_t sequence, std::uint8_t reason, WallMs wall) {
  if (sequence == 0) return;
  if (reason < 0x80) {
    journal_.acked(options_.vehicle, sequence, wall);
    ++stats_.acked;
  } else {
    journal_.refused(options_.vehicle, sequence, reason);
    ++stats_.refused;
  }
}

void Car::on_command(const mqtt::Publish& publish, WallMs wall) {
  if (publish.qos == 1) connection_->send(mqtt::Ack{mqtt::AckKind::puback, publish.packet_id, 0, {}});
  if (commands_ == nullptr) return;
  const auto acks = commands_->handle(publish.payload, wall, *source_);
  for (const auto& ack : acks) {
    outbox_.put_urgent({0, std::string(publish.topic) + "/ack", schemas::build_command_ack(ack)});
  }
  stats_.commands = commands_->executed();
}

}  // namespace wayside::fleet
