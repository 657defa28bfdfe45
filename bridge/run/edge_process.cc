// `wayside-bridge edge`: one machine thread around EdgeLink; Paho and the broker's socket only post to it.
#include <algorithm>
#include <array>
#include <atomic>
#include <optional>
#include <utility>

#include "bridge/edge/edge_link.h"
#include "bridge/run/broker_socket.h"
#include "bridge/run/config.h"
#include "bridge/run/edge_connections.h"
#include "bridge/run/edge_metrics.h"
#include "bridge/run/link_files.h"
#include "bridge/run/process.h"
#include "bridge/run/scrape_turn.h"
#include "bridge/run/stop_signal.h"
#include "bridge/run/wakeup.h"
#include "common/log/log.h"
#include "common/log/pace.h"
#include "common/os/system.h"
#include "spool/spool.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kPollMsMin = 5;
constexpr std::int64_t kPollMsMax = 100;
constexpr std::int64_t kShowMs = 500;
constexpr std::int64_t kShowAskedMs = 20;  // to a scrape that waits: who asks all the time does not take the thread
constexpr std::int64_t kDrainMs = 2'000;
constexpr std::int64_t kVolumeRetryMs = 200;
constexpr std::int64_t kVolumeSayMs = 30'000;

// The spool as the bridge has it: settlements are ours, segments are only read.
struct Spool {
  spool::Volume volume;
  std::optional<SpoolUuid> previous;  // the spool that this one goes on for
  std::array<std::unique_ptr<spool::LaneReader>, kLanes> readers;
  std::array<std::unique_ptr<spool::SettlementLog>, kLanes> settlements;
};

Result<Spool> open_spool(Disk& disk, const std::string& root) {
  Spool out;
  // Looked at without the lock, which would keep its broker from moving it.
  const Result<spool::Volume> seen = spool::open_volume(disk, root, spool::VolumeRole::reader, {});
  if (!seen) return seen.error();
  const auto mark = spool::load_closing(disk, root, seen->uuid);
  if (!mark) return mark.error();
  if (*mark) return Error{Fault::locked, to_string(seen->uuid) + " is closed: its broker moves what the core has not"};
  Result<spool::Volume> volume = spool::open_volume(disk, root, spool::VolumeRole::settler, {});
  if (!volume) return volume.error();
  out.volume = std::move(*volume);
  const auto moved = spool::load_moved(disk, root, out.volume.uuid);
  if (!moved) return moved.error();
  if (*moved) out.previous = (*moved)->from;
  for (const Lane lane : kAllLanes) {
    const std::string dir = out.volume.lane_dir(lane);
    auto reader = spool::LaneReader::open(disk, dir, out.volume.uuid, lane, spool::Reading::once);
    if (!reader) return reader.error();
    auto settlement = spool::SettlementLog::open(disk, dir, out.volume.uuid, lane);
    if (!settlement) return settlement.error();
    out.readers[index_of(lane)] = std::move(*reader);
    out.settlements[index_of(lane)] = std::move(*settlement);
  }
  return out;
}

class EdgeProcess {
 public:
  EdgeProcess(const config::Config& config, std::unique_ptr<Disk> disk)
      : config_(config),
        stop_([this] { wakeup_.notify(); }),
        disk_(std::move(disk)),
        rng_(os::random_seed()),
        registry_(metrics::Registry::create()),
        metrics_(*registry_, config.text("core.address")),
        link_files_(*registry_, link_paths(config, "core")) {}

  int run() {
    if (Result<void> begun = begin(); !begun) return fail(begun.error());
    if (!wait_for_spool()) return kExitDrained;
    if (Result<void> told = announce(config_.text("edge.run_dir"), "bridge-edge.json", *server_); !told) {
      return fail(told.error());
    }
    do {
      start();
      while (!stop_.raised() && !closed_) turn();
      if (!closed_) drain();
      connections_->stop();
      if (closed_) give_free();
    } while (wait_for_spool());
    log::info("stopped");
    return kExitDrained;
  }

 private:
  static int fail(const Error& error) {
    log::error("cannot_run", {{"why", error.what}});
    return kExitFailed;
  }

  Result<void> begin() {
    if (Result<void> made = os::make_dirs(config_.text("edge.run_dir")); !made) return made;
    const auto ready = [this] {
      return ready_.load() ? metrics::Health{} : metrics::Health{false, "waiting for the spool volume"};
    };
    const auto before_scrape = [this] {
      if (ready_.load()) (void)scrapes_.wait([this] { wakeup_.notify(); });
    };
    auto server = start_metrics(*registry_, config_, ready, before_scrape);
    if (!server) return server.error();
    server_ = std::move(*server);
    return {};
  }

  // The broker makes the volume. Whoever starts first, the bridge waits for it and says so.
  bool wait_for_spool() {
    const std::string root = config_.text("edge.state_dir") + "/spool";
    std::optional<MonoMs> said;
    while (!stop_.raised()) {
      Result<Spool> spool = open_spool(*disk_, root);
      if (spool) {
        spool_ = std::move(*spool);
        ready_.store(true);
        log::info("spool_opened", {{"spool", to_string(spool_.volume.uuid)}});
        return true;
      }
      if (!said || clock_.mono() - *said >= kVolumeSayMs) {
        log::warning("waiting_for_spool", {{"root", root}, {"why", spool.error().what}});
        said = clock_.mono();
      }
      wakeup_.wait_ms(kVolumeRetryMs);
    }
    return false;
  }

  // The volume is its broker's alone until another spool has taken its place.
  void give_free() {
    ready_.store(false);
    broker_.reset();
    connections_.reset();
    link_.reset();
    spool_ = {};
    synced_ = {};
    metrics_.begin_spool();
    closed_ = false;
  }

  void start() {
    edge::EdgeOptions options = edge_options(config_);
    options.uuid = spool_.volume.uuid;
    options.previous = spool_.previous;
    options.close_forked = true;
    std::array<edge::LanePorts, kLanes> ports;
    for (std::size_t i = 0; i < kLanes; ++i) ports[i] = {spool_.readers[i].get(), spool_.settlements[i].get()};
    poll_ms_ = std::clamp(options.batch_linger_ms / 4, kPollMsMin, kPollMsMax);
    link_.emplace(std::move(options), ports);
    connections_.emplace(config_, link_files_.paths(), clock_, rng_, [this] { wakeup_.notify(); });
    const std::string& socket = config_.text("edge.broker_socket");
    broker_.emplace(BrokerSocketOptions{socket.empty() ? config_.text("edge.run_dir") + "/bridge.sock" : socket,
                                        config_.text("edge.name"), spool_.volume.uuid,
                                        static_cast<std::size_t>(config_.integer("edge.broker_answers_max"))},
                    [this] { wakeup_.notify(); });
  }

  [[nodiscard]] edge::Time now() const { return {clock_.wall(), clock_.mono()}; }

  void step(decltype(edge::EdgeEvent::what) what) {
    for (edge::EdgeAction& action : link_->step({now(), std::move(what)})) {
      std::visit([this](auto& one) { act(one); }, action);
    }
  }

  // The mapped `synced` words have no event of their own: they are looked at every batch_linger_ms / 4.
  void turn() {
    wakeup_.wait_ms(poll_ms_);
    poll_connections();
    poll_broker();
    poll_synced();
    step(edge::Tick{});
    const std::uint64_t wanted = scrapes_.wanted();
    if (clock_.mono() - shown_at_ < (wanted == 0 ? kShowMs : kShowAskedMs)) return;
    shown_at_ = clock_.mono();
    link_files_.look(shown_at_);
    metrics_.show(*link_, connections_->counters(link::Channel::urgent), connections_->counters(link::Channel::bulk));
    scrapes_.shown(wanted);
  }

  void poll_connections() {
    connections_->poll([this](auto what) {
      if (std::holds_alternative<edge::LinkUp>(what)) metrics_.session_opened();
      step(std::move(what));
    });
  }

  void poll_broker() {
    for (BrokerHappened& happened : broker_->poll()) {
      if (auto* answer = std::get_if<ipc::Answer>(&happened)) {
        step(edge::BrokerAnswer{answer->sequence, answer->accepted, std::move(answer->reason)});
      } else if (const auto* gone = std::get_if<BrokerGone>(&happened)) {
        log::warning("broker_gone", {{"why", gone->why}});
        step(edge::BrokerDown{});
      } else {
        log::info("broker_connected");
        step(edge::BrokerUp{});
      }
    }
  }

  void poll_synced() {
    for (const Lane lane : kAllLanes) {
      const Offset synced = spool_.readers[index_of(lane)]->synced();
      if (synced == std::exchange(synced_[index_of(lane)], synced)) continue;
      step(edge::SyncedMoved{lane, synced});
    }
  }

  void act(edge::Publish& publish) { connections_->publish(publish); }
  void act(edge::DropLink& drop) {
    const std::string reason(code(drop.reason));
    if (const auto times = pace_.happened("link_dropped " + reason)) {
      log::warning("link_dropped", {{"reason", reason}, {"times", std::to_string(*times)}});
    }
    connections_->drop();
  }
  void act(edge::ToBroker& request) { (void)broker_->send({request.sequence, std::move(request.request)}); }
  void act(edge::Settled& /*settled*/) {}
  // Durable before anybody moves a record. Where the disk refuses it the link asks again.
  void act(edge::CloseSpool& close) {
    const Result<void> stored = spool::store_closing(*disk_, spool_.volume.root, close.mark);
    if (!stored) return log::error("spool_not_closed", {{"why", stored.error().what}});
    for (const Lane lane : kAllLanes) {
      const spool::LaneEnd& end = close.mark.lanes[index_of(lane)];
      log::warning("spool_closed", {{"spool", to_string(close.mark.uuid)},
                                    {"lane", to_string(lane)},
                                    {"common", std::to_string(end.common.value)},
                                    {"core_next", std::to_string(end.core_next.value)},
                                    {"exact", end.exact ? "yes" : "no"}});
    }
    closed_ = true;
  }
  void act(edge::Alarm& alarm) {
    metrics_.alarm(alarm.reason);
    const std::string reason(code(alarm.reason));
    const auto times = pace_.happened(reason + " " + to_string(alarm.lane));
    if (!times) return;
    log::error("link_alarm", {{"reason", reason},
                              {"lane", to_string(alarm.lane)},
                              {"what", log::clean(alarm.sentence, 256)},
                              {"times", std::to_string(*times)}});
  }

  [[nodiscard]] bool in_flight() {
    return std::any_of(kAllLanes.begin(), kAllLanes.end(),
                       [this](Lane lane) { return link_->lane(lane).in_flight() > 0; });
  }
  // What is in flight may still be answered; what is not comes again after the next start.
  void drain() {
    const MonoMs until = clock_.mono() + kDrainMs;
    while (connections_->up() && in_flight() && clock_.mono() < until) turn();
  }

  const config::Config& config_;
  Wakeup wakeup_;
  StopSignal stop_;
  os::SystemClock clock_;
  log::Pace pace_{clock_};
  std::unique_ptr<Disk> disk_;
  SeededRng rng_;
  std::unique_ptr<metrics::Registry> registry_;
  EdgeMetrics metrics_;
  LinkFiles link_files_;
  std::atomic<bool> ready_{false};
  ScrapeTurn scrapes_;
  std::unique_ptr<metrics::Server> server_;
  Spool spool_;
  std::optional<edge::EdgeLink> link_;
  std::optional<EdgeConnections> connections_;
  std::optional<BrokerSocket> broker_;
  std::array<Offset, kLanes> synced_{};
  bool closed_ = false;  // this spool: another one takes its place
  std::int64_t poll_ms_ = kPollMsMin;
  MonoMs shown_at_{};
};

}  // namespace

int run_edge(const config::Config& config, std::unique_ptr<Disk> disk) {
  log::configure(log_options(config, "wayside-bridge-edge"));
  EdgeProcess process(config, std::move(disk));
  return process.run();
}

}  // namespace wayside::bridge::run
