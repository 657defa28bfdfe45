#include <algorithm>
#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "bridge/run/link_watch.h"
#include "bridge/run/mqtt_sink_lane.h"
#include "bridge/run/sink_thread.h"
#include "bridge/sink/followed_log.h"
#include "common/log/log.h"
#include "common/os/system.h"
#include "common/topic/topic.h"

namespace wayside::bridge::run {
namespace {

constexpr long long kIdleMs = 50;
constexpr std::int64_t kStoreMs = 200;
constexpr std::int64_t kStopMs = 1'000;
constexpr std::size_t kObjectsMax = 2'000;  // unacknowledged of a lane
constexpr std::int64_t kRefusedPauseMs = 1'000;
constexpr std::int64_t kRefusedPauseMsMax = 30'000;

// Rows that sinks may publish. A request must never come back to the core as one.
bool publishable(const std::string& name) {
  const auto parsed = topic::classify(name);
  if (!parsed) return false;
  switch (parsed->row) {
    case topic::Row::state:
    case topic::Row::event:
    case topic::Row::bulk:
    case topic::Row::ack:
    case topic::Row::status:
    case topic::Row::presence: return true;
    default: return false;
  }
}

class MqttSinkThread final : public SinkThread {
 public:
  MqttSinkThread(SinkPlace place, SinkOptions options, MqttOptions connection)
      : place_(std::move(place)),
        options_(std::move(options)),
        rng_(os::random_seed()),
        watch_(connection.address, clock_),
        connection_(MqttConnection::create(std::move(connection), rng_, [this] { wakeup_.notify(); })) {
    log_.root = place_.log_root;
    log_.uuid = place_.log_uuid;
    for (const Lane lane : kAllLanes) {
      lanes_.emplace_back(mqtt_offset_path(place_.state_dir, place_.number, lane), kObjectsMax);
    }
    thread_ = std::thread([this] { run(); });
  }
  ~MqttSinkThread() override { stop(); }

  void wake() override { wakeup_.notify(); }
  void stop() override {
    over_.store(true);
    wakeup_.notify();
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] Offset done(Lane lane) const override { return {done_[index_of(lane)].load()}; }
  [[nodiscard]] const SinkCounters& counters() const override { return counters_; }
  [[nodiscard]] std::string name() const override { return "mqtt"; }

 private:
  void run() {
    show();
    while (!over_.load()) turn();
    const MonoMs until = clock_.mono() + kStopMs;
    while (connection_->up() && !connection_->idle() && clock_.mono() < until) {
      wakeup_.wait_ms(kIdleMs);
      poll();
    }
    store();
    connection_->stop(kStopMs);
  }

  void turn() {
    wakeup_.wait_ms(kIdleMs);
    poll();
    if (open_) {
      for (const Lane lane : kAllLanes) feed(lane);
    }
    if (clock_.mono() - stored_at_ >= kStoreMs) store();
  }

  void poll() {
    say_up(watch_.stood());
    for (const MqttHappened& happened : connection_->poll(clock_.mono())) {
      watch(happened);
      if (happened.kind == MqttHappened::Kind::up) rewind();
      if (happened.kind == MqttHappened::Kind::down) open_ = false;
      if (happened.kind == MqttHappened::Kind::acked) {
        for (MqttSinkLane& lane : lanes_) lane.acked(happened.token);
      }
      if (happened.kind == MqttHappened::Kind::refused) on_refused(happened);
    }
  }

  void watch(const MqttHappened& happened) {
    if (happened.kind == MqttHappened::Kind::down) (void)watch_.down(happened.why);
    if (happened.kind == MqttHappened::Kind::failed) {
      if (const auto trouble = watch_.failed("sink", happened.why)) say("sink_cannot_connect", *trouble);
    }
    if (happened.kind == MqttHappened::Kind::up) say_up(watch_.up());
  }

  static void say_up(const std::optional<LinkWatch::Made>& made) {
    if (!made || made->failures + made->losses == 0) return;
    log::info("sink_connected", {{"sink", "mqtt"},
                                 {"broker", log::clean(made->broker)},
                                 {"after_ms", std::to_string(made->after_ms)},
                                 {"failures", std::to_string(made->failures)},
                                 {"losses", std::to_string(made->losses)}});
  }

  // The lane stands still for a growing pause and goes back to what is durable: at least once, and never past a
  // message that nobody took. The other lanes go on.
  void on_refused(const MqttHappened& happened) {
    const MonoMs now = clock_.mono();
    for (const Lane lane : kAllLanes) {
      Pause& pause = pauses_[index_of(lane)];
      if (pause.until || !lanes_[index_of(lane)].waits_for(happened.token)) continue;
      const bool again = pause.ended.value != 0 && now - pause.ended <= 2 * kRefusedPauseMsMax;
      pause.ms = again ? std::min(2 * pause.ms, kRefusedPauseMsMax) : kRefusedPauseMs;
      pause.until = now + pause.ms;
      fault(
          {Fault::denied, std::string("lane ") + to_string(lane) + ": the broker refused a publish: " + happened.why});
    }
  }

  // True: the lane may be fed.
  bool over_pause(Lane lane) {
    Pause& pause = pauses_[index_of(lane)];
    if (!pause.until) return true;
    if (clock_.mono() < *pause.until) return false;
    pause.until.reset();
    pause.ended = clock_.mono();
    store();
    const Result<void> back = lanes_[index_of(lane)].rewind(place_.disk, log_, lane);
    if (back) return true;
    fault(back.error());
    connection_->drop(clock_.mono());
    open_ = false;
    return false;
  }

  void rewind() {
    store();
    open_ = true;
    for (Pause& pause : pauses_) pause.until.reset();
    if (Result<void> done = rewind_lanes(); !done) {
      fault(done.error());
      connection_->drop(clock_.mono());  // comes back here
      open_ = false;
      return;
    }
    show();
  }

  Result<void> rewind_lanes() {
    const std::string file = mqtt_followed_log_file(place_.number);
    Result<void> other = sink::refuse_other_log(place_.disk, place_.state_dir, file, log_.uuid);
    if (!other) return other;
    for (const Lane lane : kAllLanes) {
      if (Result<void> done = lanes_[index_of(lane)].rewind(place_.disk, log_, lane); !done) return done;
    }
    return sink::follow_log(place_.disk, place_.state_dir, file, log_.uuid);
  }

  void feed(Lane lane) {
    if (!open_ || !over_pause(lane)) return;
    Result<std::vector<sink::FollowedBatch>> batches = lanes_[index_of(lane)].next();
    if (!batches) {
      fault(batches.error());
      connection_->drop(clock_.mono());
      open_ = false;
      return;
    }
    for (const sink::FollowedBatch& batch : *batches) {
      std::set<std::uint64_t> tokens;
      for (const sink::SinkObject& object : sink::objects_of(batch.records)) publish(object, tokens);
      lanes_[index_of(lane)].sent(batch.end, std::move(tokens));
    }
    if (!batches->empty()) wakeup_.notify();
  }

  void publish(const sink::SinkObject& object, std::set<std::uint64_t>& tokens) {
    if (!publishable(object.topic)) {
      ++counters_.skipped;
      return;
    }
    if (!options_.flatbuffers) return publish_one(object.topic, as_bytes(object.json), object.ids, tokens);
    for (std::size_t i = 0; i < object.ids.size(); ++i) {
      publish_one(object.topic, object.payloads[i], {object.ids[i]}, tokens);
    }
  }

  // A message that the queue does not take keeps its token open: the lane waits, and goes back on reconnect.
  void publish_one(const std::string& name, ByteView payload, const std::vector<std::string>& ids,
                   std::set<std::uint64_t>& tokens) {
    MqttMessage message;
    message.topic = name;
    message.payload.assign(payload.begin(), payload.end());
    message.token = ++last_token_;
    for (const std::string& id : ids) message.user.emplace_back("wayside-id", id);
    tokens.insert(message.token);
    if (connection_->publish(std::move(message))) {
      ++counters_.objects;
    } else if (connection_->up()) {
      connection_->drop(clock_.mono());
      open_ = false;
    }
  }

  void store() {
    stored_at_ = clock_.mono();
    for (MqttSinkLane& lane : lanes_) {
      if (const Result<bool> stored = lane.store(); !stored) fault(stored.error());
    }
    show();
  }

  void show() {
    std::uint64_t damaged = 0;
    for (const Lane lane : kAllLanes) {
      done_[index_of(lane)].store(lanes_[index_of(lane)].done().value);
      damaged += lanes_[index_of(lane)].damaged();
    }
    counters_.damaged.store(damaged);
  }

  void fault(const Error& error) {
    ++counters_.faults;
    say_sink_fault(pace_, "mqtt", error);
  }

  // Of a lane of which the broker refused a publish.
  struct Pause {
    std::optional<MonoMs> until;
    std::int64_t ms = 0;
    MonoMs ended{};
  };

  SinkPlace place_;
  SinkOptions options_;
  os::SystemClock clock_;
  log::Pace pace_{clock_};
  SeededRng rng_;
  Wakeup wakeup_;
  spool::Volume log_;
  std::vector<MqttSinkLane> lanes_;
  LinkWatch watch_;
  std::unique_ptr<MqttConnection> connection_;
  std::array<Pause, kLanes> pauses_{};
  bool open_ = false;
  std::uint64_t last_token_ = 0;
  MonoMs stored_at_{};
  std::array<std::atomic<std::uint64_t>, kLanes> done_{};
  SinkCounters counters_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<SinkThread> start_mqtt_sink(SinkPlace place, const SinkOptions& options, MqttOptions connection) {
  return std::make_unique<MqttSinkThread>(std::move(place), options, std::move(connection));
}

}  // namespace wayside::bridge::run
