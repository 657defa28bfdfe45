// `wayside-bridge adopt`: ships what another edge's volume still holds, under that volume's own uuid, and ends.
#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>
#include <utility>

#include "bridge/edge/edge_link.h"
#include "bridge/run/config.h"
#include "bridge/run/edge_connections.h"
#include "bridge/run/process.h"
#include "bridge/run/stop_signal.h"
#include "bridge/run/wakeup.h"
#include "common/log/log.h"
#include "common/os/system.h"
#include "schemas/json/writer.h"
#include "schemas/record.h"
#include "spool/move.h"
#include "spool/spool.h"

namespace wayside::bridge::run {
namespace {

constexpr std::int64_t kTurnMs = 20;
constexpr std::int64_t kProgressMs = 1'000;

// A volume that nobody else has: both locks are held, so that neither a broker nor a bridge can open it meanwhile.
struct Orphan {
  spool::Volume writer;
  spool::Volume settler;
  std::array<std::unique_ptr<spool::LaneWriter>, kLanes> writers;
  std::array<std::unique_ptr<spool::LaneReader>, kLanes> readers;
  std::array<std::unique_ptr<spool::SettlementLog>, kLanes> settlements;
};

Result<std::string> root_of(Disk& disk, const std::string& dir) {
  for (const std::string& root : {dir, dir + "/spool"}) {
    auto there = disk.exists(root + "/spool.uuid");
    if (!there) return std::move(there).error();
    if (*there) return root;
  }
  return Error{Fault::not_found, "no spool at " + dir, 0};
}

// Recovers the lane: with its writer dead nobody else does, and only then the page says how far it may be read.
Result<void> open_lane(Disk& disk, Orphan& orphan, Lane lane) {
  const std::string dir = orphan.writer.lane_dir(lane);
  const SpoolUuid& uuid = orphan.writer.uuid;
  auto settlement = spool::SettlementLog::open(disk, dir, uuid, lane);
  if (!settlement) return std::move(settlement).error();
  const spool::Standing& standing = (*settlement)->standing();
  spool::LaneOptions options;
  options.dir = dir;
  options.lane = lane;
  options.uuid = uuid;
  options.known_digest = standing.digest;
  spool::Recovery recovery;
  auto writer = spool::LaneWriter::open(disk, options, standing.next, &recovery);
  if (!writer) return std::move(writer).error();
  for (const std::string& sentence : recovery.sentences) {
    log::warning("recovered", {{"lane", to_string(lane)}, {"what", sentence}});
  }
  auto reader = spool::LaneReader::open(disk, dir, uuid, lane);
  if (!reader) return std::move(reader).error();
  orphan.writers[index_of(lane)] = std::move(*writer);
  orphan.readers[index_of(lane)] = std::move(*reader);
  orphan.settlements[index_of(lane)] = std::move(*settlement);
  return {};
}

// One that its bridge had closed goes on under another uuid, as its broker would have had it.
Result<void> finish_closed(Disk& disk, const std::string& root) {
  spool::MoveOptions options;
  options.fresh = os::random_uuid();
  options.branch = os::random_seed();
  options.now = os::SystemClock().wall();
  options.cohort_of = [](ByteView body) {
    const auto record = schemas::decode_record(body);
    return record ? std::string(record->cohort) : std::string();
  };
  const auto outcome = spool::move_spool(disk, root, options);
  if (!outcome) return outcome.error();
  if (*outcome == spool::MoveOutcome::waiting) return Error{Fault::locked, root + " is closed, and in use"};
  if (*outcome == spool::MoveOutcome::moved) log::warning("spool_moved", {{"root", root}});
  return {};
}

Result<void> open_orphan(Disk& disk, const std::string& dir, Orphan& out) {
  const Result<std::string> root = root_of(disk, dir);
  if (!root) return root.error();
  if (Result<void> moved = finish_closed(disk, *root); !moved) return moved;
  auto writer = spool::open_volume(disk, *root, spool::VolumeRole::writer, {});
  if (!writer) return std::move(writer).error();
  out.writer = std::move(*writer);
  auto settler = spool::open_volume(disk, *root, spool::VolumeRole::settler, {});
  if (!settler) return std::move(settler).error();
  out.settler = std::move(*settler);
  for (const Lane lane : kAllLanes) {
    if (Result<void> opened = open_lane(disk, out, lane); !opened) {
      return std::move(opened).error().with(std::string("lane ") + to_string(lane));
    }
  }
  return {};
}

class AdoptProcess {
 public:
  AdoptProcess(const config::Config& config, std::unique_ptr<Disk> disk)
      : config_(config), stop_([this] { wakeup_.notify(); }), disk_(std::move(disk)), rng_(os::random_seed()) {}

  int run() {
    if (Result<void> opened = begin(); !opened) {
      log::error("cannot_adopt", {{"why", opened.error().what}});
      return opened.error().fault == Fault::locked ? kExitRefused : kExitFailed;
    }
    const int exit = ship();
    connections_->stop();
    report(exit);
    return exit;
  }

 private:
  Result<void> begin() {
    if (Result<void> alone = fence_own_bridge(); !alone) return alone;
    if (Result<void> opened = open_orphan(*disk_, config_.text("adopt.spool"), orphan_); !opened) return opened;
    log::info("adopting", {{"spool", to_string(orphan_.writer.uuid)}, {"root", orphan_.writer.root}});
    edge::EdgeOptions options = edge_options(config_);
    options.uuid = orphan_.writer.uuid;
    options.adopt = true;
    std::array<edge::LanePorts, kLanes> ports;
    for (std::size_t i = 0; i < kLanes; ++i) ports[i] = {orphan_.readers[i].get(), orphan_.settlements[i].get()};
    link_.emplace(std::move(options), ports);
    connections_.emplace(config_, link_paths(config_, "core"), clock_, rng_, [this] { wakeup_.notify(); });
    return {};
  }

  // The core knows one session of an edge: its own bridge may not run meanwhile.
  Result<void> fence_own_bridge() {
    const std::string own = config_.text("edge.state_dir") + "/spool";
    auto there = disk_->exists(own + "/spool.uuid");
    if (!there || !*there) return there ? Result<void>() : std::move(there).error();
    auto lock = disk_->lock(own + "/settle.lock");
    if (!lock) return std::move(lock).error().with("wayside-bridge edge of this edge runs: stop it first");
    own_lock_ = std::move(*lock);
    return {};
  }

  int ship() {
    const MonoMs begun = clock_.mono();
    const std::int64_t timeout_ms = config_.integer("adopt.timeout_s") * 1'000;
    while (!stop_.raised()) {
      wakeup_.wait_ms(kTurnMs);
      poll_connections();
      step(edge::Tick{});
      if (refused_) return kExitRefused;
      if (finished()) return forked() ? kExitRefused : kExitDrained;
      if (timeout_ms > 0 && clock_.mono() - begun >= timeout_ms)
        return connections_->ever_up() ? kExitTimeout : kExitUnreachable;
      progress();
    }
    return kExitFailed;
  }

  // A lane that is FORKED ships nothing more; the others are shipped whole before we say so.
  [[nodiscard]] bool finished() {
    return std::all_of(kAllLanes.begin(), kAllLanes.end(), [this](Lane lane) {
      edge::LaneSender& sender = link_->lane(lane);
      return forked_[index_of(lane)] || (sender.positioned() && sender.settled() == sender.synced());
    });
  }
  [[nodiscard]] bool forked() const {
    return std::any_of(forked_.begin(), forked_.end(), [](bool lane) { return lane; });
  }

  void step(decltype(edge::EdgeEvent::what) what) {
    for (edge::EdgeAction& action : link_->step({{clock_.wall(), clock_.mono()}, std::move(what)})) {
      std::visit([this](auto& one) { act(one); }, action);
    }
  }

  void poll_connections() {
    connections_->poll([this](auto what) { step(std::move(what)); });
  }

  void act(edge::Publish& publish) { connections_->publish(publish); }
  void act(edge::DropLink& /*drop*/) { connections_->drop(); }
  void act(edge::ToBroker& /*request*/) {}  // no broker is here: the core sends it again
  void act(edge::Settled& /*settled*/) {}
  void act(edge::CloseSpool& /*close*/) {}  // not asked for: its lane stops
  void act(edge::Alarm& alarm) {
    refused_ = refused_ || alarm.reason == Reason::EDGE_MISMATCH || alarm.reason == Reason::LINK_VERSION;
    // Of a lane that shows less than the core has, too: it is recovered, and no broker will make it more.
    if (alarm.reason == Reason::FORKED) forked_[index_of(alarm.lane)] = true;
    log::error("link_alarm", {{"reason", std::string(code(alarm.reason))},
                              {"lane", to_string(alarm.lane)},
                              {"what", log::clean(alarm.sentence, 256)}});
  }

  void progress() {
    if (clock_.mono() - said_at_ < kProgressMs) return;
    said_at_ = clock_.mono();
    std::uint64_t pending = 0;
    for (const Lane lane : kAllLanes) pending += link_->lane(lane).synced() - link_->lane(lane).settled();
    log::info("progress", {{"pending", std::to_string(pending)}, {"linked", connections_->up() ? "yes" : "no"}});
  }

  // The ledger of the volume, as the last line.
  void report(int exit) {
    std::string text;
    schemas::JsonWriter json(text);
    json.begin_object().key("spool").text(to_string(orphan_.writer.uuid));
    json.key("adopted").boolean(exit == kExitDrained).key("lanes").begin_array();
    for (const Lane lane : kAllLanes) {
      edge::LaneSender& sender = link_->lane(lane);
      const spool::Totals& totals = sender.standing().totals;
      json.begin_object().key("lane").text(to_string(lane)).key("received").uint64(sender.synced().value);
      json.key("delivered").uint64(totals.delivered).key("compacted").uint64(totals.compacted);
      json.key("resent").uint64(totals.resent).key("expired").uint64(totals.expired).key("lost").uint64(totals.lost);
      json.key("pending").uint64(sender.synced() - sender.settled()).key("forked").boolean(forked_[index_of(lane)]);
      json.end_object();
    }
    json.end_array().end_object();
    std::printf("%s\n", text.c_str());
  }

  const config::Config& config_;
  Wakeup wakeup_;
  StopSignal stop_;
  os::SystemClock clock_;
  std::unique_ptr<Disk> disk_;
  SeededRng rng_;
  std::unique_ptr<DiskFile> own_lock_;
  Orphan orphan_;
  std::optional<edge::EdgeLink> link_;
  std::optional<EdgeConnections> connections_;
  bool refused_ = false;
  std::array<bool, kLanes> forked_{};
  MonoMs said_at_{};
};

}  // namespace

int run_adopt(const config::Config& config, std::unique_ptr<Disk> disk) {
  log::configure(log_options(config, "wayside-bridge-adopt"));
  AdoptProcess process(config, std::move(disk));
  return process.run();
}

}  // namespace wayside::bridge::run
