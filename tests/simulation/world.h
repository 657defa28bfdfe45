// A small world in one thread: an edge machine (a broker that writes the spool, the edge's end of the link), a
// core machine (the core's end, its log, a file sink) and a link that loses, reorders and repeats. Each process
// can die and start again at any step, each machine can lose power. One seed is one history.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "bridge/core/core_link.h"
#include "bridge/edge/edge_link.h"
#include "bridge/sink/file_sink.h"
#include "common/clock.h"
#include "common/rng.h"
#include "schemas/record.h"
#include "schemas/signal_batch.h"
#include "spool/spool.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {

namespace bridge = wayside::bridge;

inline constexpr const char* kSpoolRoot = "/edge/spool";
inline constexpr const char* kCoreRoot = "/core/corelog";
inline constexpr const char* kSinkDir = "/core/sink";

inline SpoolUuid uuid_of(std::uint8_t tag) {
  SpoolUuid uuid;
  uuid.bytes.fill(tag);
  return uuid;
}

// The broker's part: writers of all lanes.
struct SimBroker {
  spool::Volume volume;
  std::array<std::unique_ptr<spool::LaneWriter>, kLanes> writers;

  static Result<std::unique_ptr<SimBroker>> start(Disk& disk) {
    auto broker = std::make_unique<SimBroker>();
    auto volume = spool::open_volume(disk, kSpoolRoot, spool::VolumeRole::writer, uuid_of(0xED));
    if (!volume) return volume.error();
    broker->volume = std::move(*volume);
    for (const Lane lane : kAllLanes) {
      spool::LaneOptions options;
      options.dir = broker->volume.lane_dir(lane);
      options.lane = lane;
      options.uuid = broker->volume.uuid;
      options.segment_bytes_max = 256U << 10U;
      auto settled = spool::read_settled(disk, options.dir, options.uuid, lane);
      const Offset known = settled ? settled->next : Offset{};
      if (settled) options.known_digest = settled->digest;
      auto writer = spool::LaneWriter::open(disk, options, known, nullptr);
      if (!writer) return writer.error();
      broker->writers[index_of(lane)] = std::move(*writer);
    }
    return broker;
  }
  // Deletes what the bridge settled, as the broker does.
  void release(Disk& disk) {
    for (const Lane lane : kAllLanes) {
      auto settled = spool::read_settled(disk, volume.lane_dir(lane), volume.uuid, lane);
      if (settled) (void)writers[index_of(lane)]->release_below(settled->next);
    }
  }
};

struct SimEdge {
  spool::Volume volume;
  std::array<std::unique_ptr<spool::LaneReader>, kLanes> readers;
  std::array<std::unique_ptr<spool::SettlementLog>, kLanes> settlements;
  std::unique_ptr<bridge::edge::EdgeLink> link;

  static Result<std::unique_ptr<SimEdge>> start(Disk& disk, bridge::edge::EdgeOptions options) {
    auto edge = std::make_unique<SimEdge>();
    auto volume = spool::open_volume(disk, kSpoolRoot, spool::VolumeRole::settler, {});
    if (!volume) return volume.error();
    edge->volume = std::move(*volume);
    std::array<bridge::edge::LanePorts, kLanes> ports;
    for (const Lane lane : kAllLanes) {
      auto reader = spool::LaneReader::open(disk, edge->volume.lane_dir(lane), edge->volume.uuid, lane);
      if (!reader) return reader.error();
      auto settlement = spool::SettlementLog::open(disk, edge->volume.lane_dir(lane), edge->volume.uuid, lane);
      if (!settlement) return settlement.error();
      edge->readers[index_of(lane)] = std::move(*reader);
      edge->settlements[index_of(lane)] = std::move(*settlement);
      ports[index_of(lane)] = {edge->readers[index_of(lane)].get(), edge->settlements[index_of(lane)].get()};
    }
    options.uuid = edge->volume.uuid;
    edge->link = std::make_unique<bridge::edge::EdgeLink>(std::move(options), ports);
    return edge;
  }
};

struct SimCore {
  std::unique_ptr<bridge::core::CoreLog> log;
  std::unique_ptr<bridge::core::DeadLetters> dead_letters;
  std::unique_ptr<bridge::core::CoreLink> link;
  std::unique_ptr<bridge::sink::FileSink> sink;

  static Result<std::unique_ptr<SimCore>> start(Disk& disk, bridge::core::CoreOptions options) {
    auto core = std::make_unique<SimCore>();
    bridge::core::CoreLogOptions log_options;
    log_options.root = kCoreRoot;
    log_options.fresh = uuid_of(0xC0);
    log_options.segment_bytes_max = 256U << 10U;
    log_options.checkpoint_records = 200;
    auto log = bridge::core::CoreLog::open(disk, log_options, nullptr);
    if (!log) return log.error();
    core->log = std::move(*log);
    auto dead = bridge::core::DeadLetters::open(disk, "/core/dead", 10);
    if (!dead) return dead.error();
    core->dead_letters = std::move(*dead);
    core->link = std::make_unique<bridge::core::CoreLink>(std::move(options), *core->log, *core->dead_letters);
    auto sink = bridge::sink::FileSink::open(disk, core->log->volume(), {kSinkDir, 64U << 10U});
    if (!sink) return sink.error();
    core->sink = std::move(*sink);
    return core;
  }
};

// One message on its way.
struct Packet {
  bool up = false;
  bridge::link::Address address;
  Bytes bytes;
};

struct Faults {
  std::uint64_t lose = 0;  // of 1000 messages
  std::uint64_t repeat = 0;
  std::uint64_t reorder = 0;
};

// Owns everything above. Alarms and answers are collected for the tests to look at.
class World {
 public:
  explicit World(std::uint64_t seed, std::vector<bridge::batch::Rule> rules = {}) : rng(seed) {
    edge_options.edge = "e1";
    edge_options.region = "r1";
    edge_options.product = "test";
    edge_options.resend_ms = 500;
    edge_options.batch_linger_ms = 20;
    edge_options.limits.raw_bytes_max = 64U << 10U;
    edge_options.limits.records_max = 40;
    edge_options.inflight_bytes_max = 64U << 10U;
    edge_options.rules = std::move(rules);
    core_options.product = "test";
    core_options.edges = {{"e1", "r1"}};
    core_options.window_bytes = 32U << 10U;
    core_options.floor_bytes = 8U << 10U;
    core_options.credit_interval_ms = 100;
    core_options.limits.raw_bytes_max = 1U << 20U;
    core_options.requests.resend_ms = 500;
  }

  // ---- processes. Starting what runs is nothing; a start that a fault prevents is tried again later.
  std::string start_broker() {
    if (broker) return {};
    auto started = SimBroker::start(edge_disk);
    if (!started) return started.error().what;
    broker = std::move(*started);
    // What commit() called durable before the crash must be there.
    for (const Lane lane : kAllLanes) {
      Offset& head = committed[index_of(lane)];
      const Offset synced = broker->writers[index_of(lane)]->synced();
      if (synced < head) return std::string("committed records vanished from lane ") + to_string(lane);
      adopt_survivors(lane, synced);
    }
    if (edge) edge_event(bridge::edge::BrokerUp{});
    return {};
  }
  std::string start_edge() {
    if (edge) return {};
    auto started = SimEdge::start(edge_disk, edge_options);
    if (!started) return started.error().what;
    edge = std::move(*started);
    if (broker) edge_event(bridge::edge::BrokerUp{});
    link_up();
    return {};
  }
  std::string start_core() {
    if (core) return {};
    auto started = SimCore::start(core_disk, core_options);
    if (!started) return started.error().what;
    core = std::move(*started);
    core_event(bridge::core::LinkUp{});
    return {};
  }
  void stop_broker() {
    broker.reset();
    for (auto& lane : open_group) lane.clear();
    if (edge) edge_event(bridge::edge::BrokerDown{});
  }
  void stop_edge() {
    edge.reset();
    std::erase_if(packets, [](const Packet& packet) { return !packet.up; });
  }
  void stop_core() { core.reset(); }
  void edge_power_loss() {
    edge_disk.power_loss(rng);
    stop_edge();
    broker.reset();
    survivors_possible = open_group;
    for (auto& lane : open_group) lane.clear();
  }
  void core_power_loss() {
    core_disk.power_loss(rng);
    stop_core();
  }
  void link_up() {
    packets.clear();
    edge_event(bridge::edge::LinkUp{++session});
  }

  // ---- traffic
  void append(Lane lane, Bytes body) {
    Offset offset;
    const auto outcome = broker->writers[index_of(lane)]->append(body, cohort, clock.wall(), &offset);
    if (outcome == spool::AppendOutcome::appended) open_group[index_of(lane)].push_back(std::move(body));
  }
  bool commit(Lane lane) {
    auto done = broker->writers[index_of(lane)]->commit(clock.wall());
    auto& group = open_group[index_of(lane)];
    if (done) {
      for (Bytes& body : group) journal[index_of(lane)].push_back(std::move(body));
      committed[index_of(lane)] = *done;
    }
    group.clear();
    return done.ok();
  }

  template <typename What>
  void edge_event(What what) {
    if (!edge) return;
    run_edge(edge->link->step({{clock.wall(), clock.mono()}, std::move(what)}));
  }
  template <typename What>
  void core_event(What what) {
    if (!core) return;
    run_core(core->link->step({{clock.wall(), clock.mono()}, std::move(what)}));
  }

  // Delivers the oldest message (or, reordering, another one); false when none is on the way.
  bool deliver(const Faults& faults) {
    if (packets.empty()) return false;
    const bool other = rng.below(1000) < faults.reorder;
    const std::size_t at = other ? rng.below(packets.size()) : 0;
    Packet packet = packets[at];
    if (rng.below(1000) >= faults.repeat) packets.erase(packets.begin() + static_cast<std::ptrdiff_t>(at));
    if (rng.below(1000) < faults.lose) return true;
    if (packet.up) {
      core_event(bridge::core::Message{"e1", packet.address, std::move(packet.bytes)});
    } else {
      edge_event(bridge::edge::Message{packet.address, std::move(packet.bytes)});
    }
    return true;
  }
  void poll_synced() {
    if (!edge) return;
    for (const Lane lane : kAllLanes) {
      edge_event(bridge::edge::SyncedMoved{lane, edge->readers[index_of(lane)]->synced()});
    }
  }
  void tick(std::int64_t ms) {
    clock.advance_ms(ms);
    poll_synced();
    edge_event(bridge::edge::Tick{});
    core_event(bridge::core::Tick{});
  }
  std::string sink_turn() {
    if (!core) return {};
    for (const Lane lane : kAllLanes) {
      const auto turned = core->sink->turn(lane);
      if (!turned) {
        stop_core();  // a sink that failed is opened again
        return turned.error().what;
      }
      core_event(bridge::core::SinkMoved{lane, core->sink->done(lane)});
    }
    return {};
  }
  // Runs without faults until nothing moves; true when every lane is settled up to its head.
  bool drain() {
    for (unsigned turn = 0; turn < 4'000; ++turn) {
      for (unsigned n = 0; n < 64 && deliver({}); ++n) continue;
      core_event(bridge::core::Flush{});
      tick(25);
      (void)sink_turn();
      if (packets.empty() && drained()) return true;
    }
    return false;
  }
  [[nodiscard]] bool drained() const {
    if (!edge || !core) return false;
    for (const Lane lane : kAllLanes) {
      if (edge->settlements[index_of(lane)]->standing().next != committed[index_of(lane)]) return false;
      if (core->sink->done(lane) != core->log->synced(lane)) return false;
    }
    return true;
  }

  SeededRng rng;
  ManualClock clock;
  SimDisk edge_disk;
  SimDisk core_disk;
  bridge::edge::EdgeOptions edge_options;
  bridge::core::CoreOptions core_options;
  std::unique_ptr<SimBroker> broker;
  std::unique_ptr<SimEdge> edge;
  std::unique_ptr<SimCore> core;
  std::deque<Packet> packets;
  std::uint64_t session = 0;
  std::string cohort = "c1";
  std::array<std::vector<Bytes>, kLanes> journal;     // committed bodies by offset
  std::array<std::vector<Bytes>, kLanes> open_group;  // appended, not committed
  std::array<std::vector<Bytes>, kLanes> survivors_possible;
  std::array<Offset, kLanes> committed{};
  std::vector<bridge::edge::Alarm> edge_alarms;
  std::vector<bridge::core::Alarm> core_alarms;
  std::vector<bridge::edge::ToBroker> to_broker;
  std::vector<bridge::core::Answer> answers;
  std::uint64_t dropped_links = 0;

 private:
  // Recovery may keep what was written and not yet acknowledged: it is committed from then on.
  void adopt_survivors(Lane lane, Offset synced) {
    auto& kept = survivors_possible[index_of(lane)];
    for (std::size_t i = 0; committed[index_of(lane)] < synced && i < kept.size(); ++i) {
      journal[index_of(lane)].push_back(kept[i]);
      committed[index_of(lane)] = committed[index_of(lane)] + 1;
    }
    WAYSIDE_ASSERT(committed[index_of(lane)] == synced);
    kept.clear();
  }
  void run_edge(bridge::edge::EdgeActions actions) {
    bool drop = false;
    for (auto& action : actions) {
      if (auto* publish = std::get_if<bridge::edge::Publish>(&action)) {
        packets.push_back({true, publish->address, std::move(publish->bytes)});
      } else if (auto* request = std::get_if<bridge::edge::ToBroker>(&action)) {
        to_broker.push_back(std::move(*request));
      } else if (auto* alarm = std::get_if<bridge::edge::Alarm>(&action)) {
        edge_alarms.push_back(std::move(*alarm));
      } else if (std::holds_alternative<bridge::edge::DropLink>(action)) {
        drop = true;
      }
    }
    if (!drop) return;
    ++dropped_links;
    link_up();
  }
  void run_core(bridge::core::CoreActions actions) {
    for (auto& action : actions) {
      if (auto* publish = std::get_if<bridge::core::Publish>(&action)) {
        if (edge) packets.push_back({false, publish->address, std::move(publish->bytes)});
      } else if (auto* answer = std::get_if<bridge::core::Answer>(&action)) {
        answers.push_back(std::move(*answer));
      } else if (auto* alarm = std::get_if<bridge::core::Alarm>(&action)) {
        core_alarms.push_back(std::move(*alarm));
      }
    }
  }
};

// A record as the gate would commit it.
inline Bytes record_body(Lane lane, const std::string& vehicle, std::uint64_t sequence,
                         std::size_t payload_bytes = 24) {
  Bytes payload;
  schemas::RecordView view;
  std::string topic = "v1/" + vehicle;
  if (lane == Lane::state) {
    const std::vector<schemas::SignalValue> signals = {{"Vehicle.Speed",
                                                        WallMs{1'700'000'000'000 + static_cast<std::int64_t>(sequence)},
                                                        static_cast<double>(sequence) / 3.0}};
    payload = schemas::build_signal_batch(sequence, "vss-6.0", signals);
    view.signal_batch = true;
    view.sequence = sequence;
    topic += "/state";
  } else {
    const std::string text = "payload " + std::to_string(sequence) + " ";
    payload.assign(text.begin(), text.end());
    payload.resize(std::max(payload.size(), payload_bytes), '.');
    topic += lane == Lane::event ? "/event/door" : lane == Lane::bulk ? "/bulk/log" : "/cmd/x/ack";
  }
  view.vehicle = vehicle;
  view.topic = topic;
  view.payload = payload;
  view.cohort = "c1";
  view.source_time = {1'700'000'000'000};
  Bytes body;
  schemas::encode_record(view, body);
  return body;
}

}  // namespace wayside::test
