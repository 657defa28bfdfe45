// `wayside-bridge core`: one machine thread around CoreLink, a thread per sink; Paho only posts to them.
#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <utility>
#include <vector>

#include "bridge/core/core_link.h"
#include "bridge/run/config.h"
#include "bridge/run/core_metrics.h"
#include "bridge/run/link_files.h"
#include "bridge/run/link_watch.h"
#include "bridge/run/mqtt_connection.h"
#include "bridge/run/mqtt_sink_lane.h"
#include "bridge/run/process.h"
#include "bridge/run/sink_thread.h"
#include "bridge/run/stop_signal.h"
#include "bridge/run/trust_folder.h"
#include "bridge/run/wakeup.h"
#include "bridge/sink/file_sink.h"
#include "common/log/log.h"
#include "common/log/pace.h"
#include "common/os/system.h"
#include "common/topic/topic.h"

namespace wayside::bridge::run {
namespace {

constexpr long long kTurnMs = 50;
constexpr std::int64_t kShowMs = 500;
constexpr std::int64_t kTrustMs = 1'000;
constexpr std::int64_t kSinkMovedMs = 1'000;

class CoreProcess {
 public:
  CoreProcess(const config::Config& config, std::unique_ptr<Disk> disk)
      : config_(config),
        stop_([this] { wakeup_.notify(); }),
        disk_(std::move(disk)),
        rng_(os::random_seed()),
        registry_(metrics::Registry::create()),
        metrics_(*registry_),
        link_files_(*registry_, link_paths(config, "broker")),
        watch_(config.text("broker.address"), clock_) {}

  int run() {
    if (Result<void> begun = begin(); !begun) {
      log::error("cannot_run", {{"why", begun.error().what}});
      return kExitFailed;
    }
    while (!stop_.raised()) turn();
    return drain();
  }

 private:
  Result<void> begin() {
    const std::string state_dir = config_.text("core.state_dir");
    if (Result<void> made = os::make_dirs(config_.text("core.run_dir")); !made) return made;
    if (Result<void> made = os::make_dirs(state_dir); !made) return made;
    if (Result<void> opened = open_log(state_dir); !opened) return opened;
    auto trust = TrustFolder::open(config_.text("commands.root_key_file"), config_.text("commands.trust_dir"),
                                   state_dir + "/trust.numbers");
    if (!trust) return trust.error();
    trust_.emplace(std::move(*trust));
    link_.emplace(core_options(config_), *log_, *dead_letters_);
    refresh_trust();
    start_sinks(state_dir);
    connect();
    auto server = start_metrics(*registry_, config_, [this] {
      return up_.load() ? metrics::Health{} : metrics::Health{false, "not connected to the core broker"};
    });
    if (!server) return server.error();
    server_ = std::move(*server);
    return announce(config_.text("core.run_dir"), "bridge-core.json", *server_);
  }

  Result<void> open_log(const std::string& state_dir) {
    core::CoreLogOptions options = core_log_options(config_);
    options.fresh = os::random_uuid();
    auto held = sinks_hold(state_dir);
    if (!held) return held.error();
    options.sinks = std::move(*held);
    std::vector<std::string> sentences;
    auto log = core::CoreLog::open(*disk_, std::move(options), &sentences);
    for (const std::string& sentence : sentences) log::warning("core_log_recovery", {{"what", sentence}});
    if (!log) return log.error();
    log_ = std::move(*log);
    auto dead = core::DeadLetters::open(*disk_, state_dir + "/dead-letters",
                                        static_cast<std::size_t>(config_.integer("link.dead_letters_max")));
    if (!dead) return dead.error();
    dead_letters_ = std::move(*dead);
    return {};
  }

  // What the sinks have is evidence of what the core log had.
  Result<std::vector<core::SinkHolds>> sinks_hold(const std::string& state_dir) {
    std::vector<core::SinkHolds> out;
    std::size_t number = 0;
    for (const SinkOptions& options : sink_options(config_)) {
      const auto held =
          options.mqtt ? mqtt_sink_holds(*disk_, state_dir, number) : sink::FileSink::holds(*disk_, options.path);
      if (!held) return held.error();
      if (*held) out.push_back(**held);
      ++number;
    }
    return out;
  }

  void start_sinks(const std::string& state_dir) {
    for (const SinkOptions& options : sink_options(config_)) {
      const SinkPlace place{*disk_, log_->volume().root, log_->volume().uuid, state_dir, sinks_.size()};
      if (options.mqtt) {
        const std::string role = "sink-" + std::to_string(sinks_.size());
        sinks_.push_back(start_mqtt_sink(place, options, core_connection(config_, link_files_.paths(), role, {})));
      } else {
        sinks_.push_back(start_file_sink(place, options));
      }
    }
  }

  void connect() {
    const auto wake = [this] { wakeup_.notify(); };
    connections_[0] = MqttConnection::create(
        core_connection(config_, link_files_.paths(), "urgent", {"wayside/+/up/urgent/#", "v1/+/request"}), rng_, wake);
    connections_[1] = MqttConnection::create(
        core_connection(config_, link_files_.paths(), "bulk", {"wayside/+/up/bulk/#"}), rng_, wake);
  }

  [[nodiscard]] core::Time now() const { return {clock_.wall(), clock_.mono()}; }

  template <typename What>
  void step(What what) {
    for (core::CoreAction& action : link_->step({now(), std::move(what)})) {
      std::visit([this](auto& one) { act(one); }, action);
    }
  }

  void turn() {
    wakeup_.wait_ms(kTurnMs);
    poll_connections();
    step(core::Flush{});
    step(core::Tick{});
    const MonoMs at = clock_.mono();
    if (at - trust_at_ >= kTrustMs) {
      trust_at_ = at;
      refresh_trust();
    }
    if (at - sinks_at_ >= kSinkMovedMs) {
      sinks_at_ = at;
      follow_sinks();
    }
    if (at - shown_at_ >= kShowMs) {
      shown_at_ = at;
      link_files_.look(at);
      metrics_.show(*link_, connections_[0]->counters(), connections_[1]->counters(), sinks_);
    }
  }

  void poll_connections() {
    for (std::size_t i = 0; i < connections_.size(); ++i) {
      for (MqttHappened& happened : connections_[i]->poll(clock_.mono()))
        on_happened(i == 0 ? "urgent" : "bulk", happened);
    }
    const bool up = connections_[0]->up() && connections_[1]->up();
    if (up == up_.load()) return say_up(watch_.stood());
    up_.store(up);
    if (!up) {
      lost("a connection is gone");
      return step(core::LinkDown{});
    }
    say_up(watch_.up());
    step(core::LinkUp{});
  }

  void lost(const std::string& why) {
    if (const auto lost = watch_.down(why)) say("link_down", *lost);
  }

  static void say_up(const std::optional<LinkWatch::Made>& made) {
    if (!made) return;
    log::info("link_up", {{"broker", log::clean(made->broker)},
                          {"after_ms", std::to_string(made->after_ms)},
                          {"failures", std::to_string(made->failures)},
                          {"losses", std::to_string(made->losses)}});
  }

  void on_happened(const char* connection, MqttHappened& happened) {
    if (happened.kind == MqttHappened::Kind::up) watch_.made(connection);
    if (happened.kind == MqttHappened::Kind::failed) {
      if (const auto trouble = watch_.failed(connection, happened.why)) say("link_cannot_connect", *trouble);
    }
    if (happened.kind == MqttHappened::Kind::down) {
      lost(std::string(connection) + ": " + happened.why);
      up_.store(false);
      return step(core::LinkDown{});
    }
    if (happened.kind != MqttHappened::Kind::message) return;
    MqttMessage& message = happened.message;
    if (const auto topic = link::parse_topic(message.topic); topic && topic->up) {
      return step(core::Message{topic->edge, topic->address, std::move(message.payload)});
    }
    const auto parsed = topic::classify(message.topic);
    if (!parsed || parsed->row != topic::Row::request) return;
    step(core::Request{std::string(parsed->vehicle), std::move(message.response_topic), std::move(message.correlation),
                       std::move(message.payload)});
  }

  void refresh_trust() {
    if (trust_->refresh() || !trust_told_) step(core::TrustChanged{trust_->trust()});
    trust_told_ = true;
    registry_
        ->gauge("wayside_command_lists_failing",
                "Files of commands.trust_dir that cannot be used; the lists accepted before are in force.")
        .set(static_cast<double>(trust_->failing()));
  }

  // The core log keeps what any sink still needs.
  void follow_sinks() {
    for (const Lane lane : kAllLanes) {
      Offset least = log_->synced(lane);
      for (const auto& sink : sinks_) least = std::min(least, sink->done(lane));
      step(core::SinkMoved{lane, least});  // again though it stands: a release may have failed
    }
  }

  void act(core::Publish& publish) {
    MqttMessage message;
    message.topic = link::down_topic(publish.edge, publish.address);
    message.payload = std::move(publish.bytes);
    (void)connections_[static_cast<std::size_t>(publish.address.channel)]->publish(std::move(message));
  }
  void act(core::Answer& answer) {
    MqttMessage message;
    message.topic = std::move(answer.topic);
    message.payload = std::move(answer.payload);
    message.correlation = std::move(answer.correlation);
    (void)connections_[0]->publish(std::move(message));
  }
  void act(core::LogMoved& moved) {
    if (moved.lane != Lane::bulk) return;  // one wake for the five of a flush, after the last
    for (auto& sink : sinks_) sink->wake();
  }
  void act(core::Alarm& alarm) {
    metrics_.alarm(alarm.reason);
    const std::string reason(code(alarm.reason));
    const auto times = pace_.happened(reason + " " + alarm.edge);
    if (!times) return;
    log::error("core_alarm", {{"reason", reason},
                              {"edge", alarm.edge},
                              {"what", log::clean(alarm.sentence, 256)},
                              {"times", std::to_string(*times)}});
  }

  int drain() {
    poll_connections();
    step(core::Flush{});
    for (auto& connection : connections_) connection->stop(1'000);
    for (auto& sink : sinks_) sink->stop();
    if (Result<void> sealed = log_->seal(); !sealed) {
      log::error("core_log_not_sealed", {{"why", sealed.error().what}});
      return kExitFailed;
    }
    log::info("stopped");
    return kExitDrained;
  }

  const config::Config& config_;
  Wakeup wakeup_;
  StopSignal stop_;
  os::SystemClock clock_;
  log::Pace pace_{clock_};
  std::unique_ptr<Disk> disk_;
  SeededRng rng_;
  std::unique_ptr<metrics::Registry> registry_;
  CoreMetrics metrics_;
  LinkFiles link_files_;
  LinkWatch watch_;
  std::unique_ptr<core::CoreLog> log_;
  std::unique_ptr<core::DeadLetters> dead_letters_;
  std::optional<TrustFolder> trust_;
  std::optional<core::CoreLink> link_;
  std::vector<std::unique_ptr<SinkThread>> sinks_;
  std::array<std::unique_ptr<MqttConnection>, link::kChannels> connections_;
  std::atomic<bool> up_{false};
  std::unique_ptr<metrics::Server> server_;
  bool trust_told_ = false;
  MonoMs trust_at_{};
  MonoMs sinks_at_{};
  MonoMs shown_at_{};
};

}  // namespace

int run_core(const config::Config& config, std::unique_ptr<Disk> disk) {
  log::configure(log_options(config, "wayside-bridge-core"));
  CoreProcess process(config, std::move(disk));
  return process.run();
}

}  // namespace wayside::bridge::run
