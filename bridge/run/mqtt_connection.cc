#include "bridge/run/mqtt_connection.h"

#include <mqtt/async_client.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>
#include <variant>

namespace wayside::bridge::run {
namespace {

constexpr int kConnectTimeoutS = 10;
constexpr unsigned kBackoffDoublingsMax = 6;
constexpr int kQos = 1;

mqtt::message_ptr to_paho(const MqttMessage& message) {
  auto out = mqtt::make_message(message.topic, message.payload.data(), message.payload.size(), kQos, false);
  mqtt::properties properties;
  if (!message.response_topic.empty()) {
    properties.add(mqtt::property(mqtt::property::RESPONSE_TOPIC, message.response_topic));
  }
  if (!message.correlation.empty()) {
    properties.add(mqtt::property(mqtt::property::CORRELATION_DATA, std::string(as_text(message.correlation))));
  }
  for (const auto& [name, value] : message.user) {
    properties.add(mqtt::property(mqtt::property::USER_PROPERTY, name, value));
  }
  out->set_properties(properties);
  return out;
}

MqttMessage from_paho(const mqtt::const_message_ptr& in) {
  MqttMessage out;
  out.topic = in->get_topic();
  const auto& payload = in->get_payload();
  out.payload.assign(payload.begin(), payload.end());
  const mqtt::properties& properties = in->get_properties();
  if (properties.contains(mqtt::property::RESPONSE_TOPIC)) {
    out.response_topic = mqtt::get<std::string>(properties, mqtt::property::RESPONSE_TOPIC);
  }
  if (properties.contains(mqtt::property::CORRELATION_DATA)) {
    const auto data = mqtt::get<std::string>(properties, mqtt::property::CORRELATION_DATA);
    out.correlation.assign(data.begin(), data.end());
  }
  return out;
}

// What a Paho callback reports: which step of which connect attempt, and how it went.
enum class Step : std::uint8_t { connect, subscribe, publish };

// Owned by the connection; passed to Paho as listener. Thread: Paho's.
class StepListener final : public mqtt::iaction_listener {
 public:
  using Report = std::function<void(Step, std::uint64_t context, bool ok, const mqtt::token&)>;
  StepListener(Step step, Report report) : step_(step), report_(std::move(report)) {}
  void on_success(const mqtt::token& token) override { report_(step_, context(token), true, token); }
  void on_failure(const mqtt::token& token) override { report_(step_, context(token), false, token); }

 private:
  static std::uint64_t context(const mqtt::token& token) {
    return reinterpret_cast<std::uintptr_t>(token.get_user_context());
  }
  Step step_;
  Report report_;
};

// Paho carries a pointer; what we give it is a number.
// NOLINTNEXTLINE(performance-no-int-to-ptr)
void* as_context(std::uint64_t number) { return reinterpret_cast<void*>(static_cast<std::uintptr_t>(number)); }

class PahoConnection final : public MqttConnection {
 public:
  PahoConnection(MqttOptions options, Rng& rng, std::function<void()> wake)
      : options_(std::move(options)),
        rng_(rng),
        wake_(std::move(wake)),
        client_("ssl://" + options_.address, options_.client_id,
                mqtt::create_options(MQTTVERSION_5, static_cast<int>(options_.window) + 8)),
        connect_(Step::connect, reporter()),
        subscribe_(Step::subscribe, reporter()),
        publish_(Step::publish, reporter()),
        window_(options_.window) {
    listen_to_paho();
    client_.set_message_callback([this](const mqtt::const_message_ptr& message) { on_message(message); });
    client_.set_connection_lost_handler([this](const std::string& why) { on_lost(why); });
    client_.set_disconnected_handler([this](const mqtt::properties&, mqtt::ReasonCode reason) {
      on_lost("the broker ended it: " + reason_words(static_cast<int>(reason)));
    });
  }

  ~PahoConnection() override { stop(0); }

  std::vector<MqttHappened> poll(MonoMs now) override {
    std::vector<MqttHappened> out = take_inbox(now);
    if (state_ == State::idle && now >= next_attempt_) connect(now);
    if (state_ == State::connected) subscribe(now);
    pump(now);
    return out;
  }

  bool publish(MqttMessage message) override {
    if (state_ != State::up || queued_bytes_ + message.payload.size() > options_.queue_bytes_max) {
      count_dropped();
      return false;
    }
    queued_bytes_ += message.payload.size();
    queue_.push_back(std::move(message));
    return true;
  }

  void drop(MonoMs now) override {
    if (state_ == State::idle) return;
    try {
      client_.disconnect(mqtt::disconnect_options());
    } catch (const mqtt::exception&) {
      // Not connected any more: what was wanted.
    }
    const bool was_up = state_ == State::up;
    begin_again(now);
    if (was_up) happened_.push_back({MqttHappened::Kind::down, {}, "dropped", 0});
  }

  void stop(std::int64_t timeout_ms) override {
    if (std::exchange(stopped_, true)) return;
    try {
      if (client_.is_connected()) client_.disconnect(static_cast<int>(timeout_ms))->wait_for(timeout_ms + 100);
      client_.disable_callbacks();
    } catch (const mqtt::exception&) {
      // The connection is gone already; there is nobody to say goodbye to.
    }
  }

  [[nodiscard]] bool up() const override { return state_ == State::up; }
  [[nodiscard]] bool idle() const override { return queue_.empty() && outstanding_ == 0; }
  [[nodiscard]] MqttCounters counters() const override {
    const std::lock_guard lock(mutex_);
    return counters_;
  }

 private:
  enum class State : std::uint8_t { idle, connecting, connected, subscribing, up };
  struct Report {
    Step step{};
    std::uint64_t generation = 0;
    std::uint64_t token = 0;
    bool ok = false;
    unsigned receive_maximum = 0;
    std::string why;
    ConnectCause cause = ConnectCause::other;
  };
  using Arrived = std::variant<Report, MqttMessage, std::string>;  // string: the connection was lost

  // A context packs the connect attempt (24 bits) and a publish's number (40 bits): reports of an older
  // attempt are told apart.
  static constexpr unsigned kTokenBits = 40;
  [[nodiscard]] std::uint64_t context(std::uint64_t token) const {
    return ((generation_ & 0xFFFFFFU) << kTokenBits) | (token & ((1ULL << kTokenBits) - 1));
  }

  StepListener::Report reporter() {
    return [this](Step step, std::uint64_t context, bool ok, const mqtt::token& token) {
      on_report(step, context, ok, token);
    };
  }

  // ---- Paho's thread
  void put(Arrived arrived) {
    {
      const std::lock_guard lock(mutex_);
      inbox_.push_back(std::move(arrived));
    }
    wake_();
  }
  void on_message(const mqtt::const_message_ptr& message) {
    {
      const std::lock_guard lock(mutex_);
      const std::size_t size = message->get_payload().size();
      counters_.bytes_in += size;
      if (inbox_bytes_ + size > options_.inbox_bytes_max) {
        ++counters_.dropped;
        return;
      }
      inbox_bytes_ += size;
    }
    put(from_paho(message));
  }
  // Paho leaves most causes of a loss empty.
  void on_lost(const std::string& why) {
    put(why.empty() ? std::string("it broke off: no answer, or the other side or the network closed it") : why);
  }
  void on_report(Step step, std::uint64_t context, bool ok, const mqtt::token& token) {
    Report report;
    report.step = step;
    report.generation = context >> kTokenBits;
    report.token = context & ((1ULL << kTokenBits) - 1);
    report.ok = ok;
    if (step == Step::connect && ok) report.receive_maximum = receive_maximum(token);
    if (step == Step::subscribe && ok && subscription_refused(token)) {
      report.ok = false;
      report.why = "a subscription was refused";
      report.cause = ConnectCause::refused;
    } else if (step == Step::connect && !ok) {
      ConnectFailure failure = failure_of(token);
      report.why = std::move(failure.why);
      report.cause = failure.cause;
    } else if (!ok) {
      report.why = "return code " + std::to_string(token.get_return_code()) + ", reason " +
                   std::to_string(static_cast<int>(token.get_reason_code()));
    }
    put(std::move(report));
  }
  static unsigned receive_maximum(const mqtt::token& token) {
    try {
      const mqtt::properties properties = token.get_connect_response().get_properties();
      if (!properties.contains(mqtt::property::RECEIVE_MAXIMUM)) return 0;
      return mqtt::get<std::uint16_t>(properties, mqtt::property::RECEIVE_MAXIMUM);
    } catch (const std::exception&) {
      return 0;  // the response says nothing: our own window holds
    }
  }

  // One SUBACK answers all filters; Paho calls it a success whatever it says.
  static bool subscription_refused(const mqtt::token& token) {
    try {
      const auto codes = token.get_subscribe_response().get_reason_codes();
      return std::any_of(codes.begin(), codes.end(),
                         [](mqtt::ReasonCode one) { return static_cast<int>(one) >= 0x80; });
    } catch (const std::exception&) {
      return false;
    }
  }

  // ---- the owner's thread
  std::vector<MqttHappened> take_inbox(MonoMs now) {
    std::deque<Arrived> arrived;
    {
      const std::lock_guard lock(mutex_);
      arrived.swap(inbox_);
      inbox_bytes_ = 0;
    }
    for (Arrived& item : arrived) {
      if (auto* message = std::get_if<MqttMessage>(&item)) {
        if (state_ == State::up) happened_.push_back({MqttHappened::Kind::message, std::move(*message), {}, 0});
      } else if (auto* report = std::get_if<Report>(&item)) {
        handle(*report, now);
      } else if (state_ != State::idle) {
        lost(now, std::get<std::string>(item));
      }
    }
    return std::exchange(happened_, {});
  }

  void handle(const Report& report, MonoMs now) {
    if (report.generation != (generation_ & 0xFFFFFFU)) return;
    if (report.step == Step::publish) return published(report);
    if (!report.ok) return lost(now, report.why, report.cause);
    if (report.step == Step::connect && state_ == State::connecting) {
      state_ = State::connected;
      window_ = report.receive_maximum == 0 ? options_.window : std::min(options_.window, report.receive_maximum);
    } else if (report.step == Step::subscribe && state_ == State::subscribing) {
      state_ = State::up;
      failures_ = 0;
      count_up();
      happened_.push_back({MqttHappened::Kind::up, {}, {}, 0});
    }
  }

  void published(const Report& report) {
    outstanding_ -= outstanding_ > 0 ? 1 : 0;
    const auto kind = report.ok ? MqttHappened::Kind::acked : MqttHappened::Kind::refused;
    happened_.push_back({kind, {}, report.why, report.token});
  }

  // A connection that was up is down; one that was not is an attempt that failed.
  void lost(MonoMs now, const std::string& why, ConnectCause cause = ConnectCause::other) {
    const bool was_up = state_ == State::up;
    begin_again(now);
    happened_.push_back({was_up ? MqttHappened::Kind::down : MqttHappened::Kind::failed, {}, why, 0});
    if (was_up) return;
    const std::lock_guard lock(mutex_);
    ++counters_.failed[static_cast<std::size_t>(cause)];
    counters_.failing = cause;
  }

  void count_up() {
    const std::lock_guard lock(mutex_);
    counters_.failing.reset();
  }

  void begin_again(MonoMs now) {
    state_ = State::idle;
    ++generation_;
    outstanding_ = 0;
    queue_.clear();
    queued_bytes_ = 0;
    const std::int64_t ceiling =
        std::min(options_.backoff_max_ms, options_.backoff_min_ms << std::min(failures_++, kBackoffDoublingsMax));
    next_attempt_ = now + (ceiling / 2 + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(ceiling))));
    const std::lock_guard lock(mutex_);
    ++counters_.lost;
  }

  mqtt::connect_options connect_options() const {
    mqtt::ssl_options ssl;
    ssl.set_trust_store(options_.ca);
    ssl.set_key_store(options_.certificate);
    ssl.set_private_key(options_.key);
    ssl.set_enable_server_cert_auth(true);
    ssl.set_verify(true);  // the host name too; off by default in Paho
    ssl.set_ssl_version(MQTT_SSL_VERSION_TLS_1_2);
    mqtt::connect_options out;
    out.set_mqtt_version(MQTTVERSION_5);
    out.set_clean_start(true);
    out.set_keep_alive_interval(options_.keep_alive_s);
    out.set_connect_timeout(kConnectTimeoutS);
    out.set_max_inflight(static_cast<int>(options_.window) + 8);
    out.set_automatic_reconnect(false);
    out.set_ssl(std::move(ssl));
    return out;
  }

  // What we gave up may still stand for Paho: a refused subscription, an attempt overtaken by an older loss. Paho
  // takes no second connect then, so the old one goes first.
  void connect(MonoMs now) {
    if (client_.is_connected()) {
      try {
        client_.disconnect(mqtt::disconnect_options());
      } catch (const mqtt::exception&) {
        // It has gone by itself.
      }
      next_attempt_ = now + options_.backoff_min_ms;
      return;
    }
    state_ = State::connecting;
    ++generation_;
    {
      const std::lock_guard lock(mutex_);
      ++counters_.connects;
    }
    try {
      client_.connect(connect_options(), as_context(context(0)), connect_);
    } catch (const mqtt::exception& refused) {
      lost(now, refused.what());
    }
  }

  void subscribe(MonoMs now) {
    state_ = State::subscribing;
    try {
      auto filters = mqtt::string_collection::create(options_.filters);
      if (filters->empty()) {
        Report report;
        report.step = Step::subscribe;
        report.generation = generation_ & 0xFFFFFFU;
        report.ok = true;
        return put(std::move(report));
      }
      client_.subscribe(filters, mqtt::iasync_client::qos_collection(filters->size(), kQos), as_context(context(0)),
                        subscribe_);
    } catch (const mqtt::exception& refused) {
      lost(now, refused.what());
    }
  }

  void pump(MonoMs now) {
    while (state_ == State::up && !queue_.empty() && outstanding_ < window_) {
      const MqttMessage& next = queue_.front();
      try {
        client_.publish(to_paho(next), as_context(context(next.token)), publish_);
      } catch (const mqtt::exception& refused) {
        return lost(now, refused.what());
      }
      ++outstanding_;
      queued_bytes_ -= next.payload.size();
      {
        const std::lock_guard lock(mutex_);
        counters_.bytes_out += next.payload.size();
      }
      queue_.pop_front();
    }
  }

  void count_dropped() {
    const std::lock_guard lock(mutex_);
    ++counters_.dropped;
  }

  MqttOptions options_;
  Rng& rng_;
  std::function<void()> wake_;
  mutable std::mutex mutex_;
  std::deque<Arrived> inbox_;
  std::uint64_t inbox_bytes_ = 0;
  MqttCounters counters_;

  mqtt::async_client client_;
  StepListener connect_;
  StepListener subscribe_;
  StepListener publish_;

  State state_ = State::idle;
  std::uint64_t generation_ = 0;
  MonoMs next_attempt_{};
  unsigned failures_ = 0;
  unsigned window_;
  unsigned outstanding_ = 0;
  std::deque<MqttMessage> queue_;
  std::uint64_t queued_bytes_ = 0;
  std::vector<MqttHappened> happened_;
  bool stopped_ = false;
};

}  // namespace

std::unique_ptr<MqttConnection> MqttConnection::create(MqttOptions options, Rng& rng, std::function<void()> wake) {
  return std::make_unique<PahoConnection>(std::move(options), rng, std::move(wake));
}

}  // namespace wayside::bridge::run
