// A small world in one thread: an edge machine (a broker that writes the spool, the edge's end of the link), a
// core machine (the core's end, its log, a file sink) and a link that loses, reorders and repeats. Each process
// can die and start again at any step, each machine can lose power. One seed is one history.
#pragma once

#include <algorithm>
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/clock.h"
#include "common/rng.h"
#include "tests/simulation/processes.h"
#include "tests/simulation/records.h"

namespace wayside::test {

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

// What became of messages on the way, since the world began.
struct LinkFaults {
  std::uint64_t lost = 0;
  std::uint64_t repeated = 0;
  std::uint64_t reordered = 0;
  std::uint64_t cut = 0;  // by a partition or a half-open link
};

// Where a planted bug goes between the product and what it relies on. Empty: the world as it should be.
struct Seams {
  Disk* broker_disk = nullptr;
  Disk* edge_disk = nullptr;
  Disk* core_disk = nullptr;
  EdgePorts ports;
  std::function<void(Packet&)> delivering;     // before the other end sees it
  std::function<void(const Packet&)> sending;  // as the edge publishes it
  std::function<void()> core_took;             // after the core took a message, before any flush
};

// A spool that went on under another uuid: what was at common + n of a lane is at n of the next one.
struct Past {
  SpoolUuid uuid;
  spool::MovedFrom moved;
  std::array<std::vector<Bytes>, kLanes> journal;  // all of it, by offset
  std::array<std::map<std::uint64_t, std::vector<Bytes>>, kLanes> cut_tail;
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
    auto started = SimBroker::start(disk_of(seams.broker_disk, edge_disk), sizes, move_options());
    if (!started) return started.error().what;
    broker = std::move(*started);
    if (std::string problem = note_move(); !problem.empty()) return broken = std::move(problem);
    for (const Lane lane : kAllLanes) {
      if (std::string problem = account_for(lane); !problem.empty()) return broken = std::move(problem);
    }
    if (edge) edge_event(bridge::edge::BrokerUp{});
    return {};
  }
  std::string start_edge() {
    if (edge) return {};
    const auto closed = is_closed(disk_of(seams.edge_disk, edge_disk));
    if (!closed) return closed.error().what;
    if ((edge_waits = *closed)) return {};
    auto started = SimEdge::start(disk_of(seams.edge_disk, edge_disk), edge_options, seams.ports);
    if (!started) return started.error().what;
    edge = std::move(*started);
    if (broker) edge_event(bridge::edge::BrokerUp{});
    link_up();
    return {};
  }
  std::string start_core() {
    if (core) return {};
    auto started = SimCore::start(disk_of(seams.core_disk, core_disk), core_options, sizes);
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
    edge_waits = false;
    std::erase_if(packets, [](const Packet& packet) { return !packet.up; });
  }
  void stop_core() { core.reset(); }
  void edge_power_loss() {
    edge_disk.power_loss(rng);
    stop_edge();
    broker.reset();
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
  bool append(Lane lane, Bytes body) {
    Offset offset;
    const auto outcome = broker->writers[index_of(lane)]->append(body, cohort, clock.wall(), &offset);
    if (outcome == spool::AppendOutcome::lane_full) ++lanes_full;
    if (outcome != spool::AppendOutcome::appended) return false;
    open_group[index_of(lane)].push_back(std::move(body));
    return true;
  }
  bool commit(Lane lane) {
    auto done = broker->writers[index_of(lane)]->commit(clock.wall());
    auto& group = open_group[index_of(lane)];
    if (done) {
      for (Bytes& body : group) journal[index_of(lane)].push_back(std::move(body));
      committed[index_of(lane)] = *done;
      refused[index_of(lane)].clear();
      WAYSIDE_ASSERT(journal[index_of(lane)].size() == done->value);
    } else {
      refused[index_of(lane)].push_back(group);
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
    link_faults.reordered += at > 0 ? 1 : 0;
    Packet packet = packets[at];
    const bool again = rng.below(1000) < faults.repeat;
    link_faults.repeated += again ? 1 : 0;
    if (!again) packets.erase(packets.begin() + static_cast<std::ptrdiff_t>(at));
    if (packet.up ? cut_up : cut_down) return ++link_faults.cut, true;
    if (rng.below(1000) < faults.lose) return ++link_faults.lost, true;
    if (seams.delivering) seams.delivering(packet);
    if (packet.up) {
      core_event(bridge::core::Message{"e1", packet.address, std::move(packet.bytes)});
      if (core && seams.core_took) seams.core_took();
    } else {
      edge_event(bridge::edge::Message{packet.address, std::move(packet.bytes)});
    }
    return true;
  }
  // The next syncs of one machine take seconds. Its processes stand still; the other machine goes on.
  void slow_disk(bool of_core, unsigned times) {
    SimDisk& disk = of_core ? core_disk : edge_disk;
    disk.slow(SimCall::fdatasync, times, [this, of_core] { stall(of_core); });
  }
  void poll_synced() {
    if (!edge) return;
    for (const Lane lane : kAllLanes) {
      if (edge) edge_event(bridge::edge::SyncedMoved{lane, edge->readers[index_of(lane)]->synced()});
    }
  }
  // What the broker does once the bridge has closed the spool. A fault in it is met again by the next start.
  void move_closed_spool() {
    Disk& disk = disk_of(seams.broker_disk, edge_disk);
    if (!broker) return;
    const auto may = spool::may_move(disk, kSpoolRoot, spool_uuid);
    if (!may || !*may) return;
    for (const Lane lane : kAllLanes) {
      (void)commit(lane);
      (void)broker->writers[index_of(lane)]->seal();
    }
    stop_broker();
    (void)spool::move_spool(disk, kSpoolRoot, move_options());
    (void)start_broker();
    if (edge_waits) (void)start_edge();
  }
  void tick(std::int64_t ms) {
    clock.advance_ms(ms);
    move_closed_spool();
    if (edge_waits && broker) (void)start_edge();
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
  Sizes sizes;
  bridge::edge::EdgeOptions edge_options;
  bridge::core::CoreOptions core_options;
  std::unique_ptr<Disk> planted_disk;  // outlives the processes that use it
  std::unique_ptr<SimBroker> broker;
  std::unique_ptr<SimEdge> edge;
  std::unique_ptr<SimCore> core;
  std::deque<Packet> packets;
  std::uint64_t session = 0;
  std::string cohort = "c1";
  std::array<std::vector<Bytes>, kLanes> journal;     // committed bodies by offset
  std::array<std::vector<Bytes>, kLanes> open_group;  // appended, not committed
  // Groups that a commit refused at the head: after a crash one of them may stand there, whole.
  std::array<std::vector<std::vector<Bytes>>, kLanes> refused;
  std::array<bool, kLanes> rotted{};  // somebody flipped a bit in that lane
  // Offsets of a spool whose records in the core log somebody damaged.
  std::map<SpoolUuid, std::array<std::set<std::uint64_t>, kLanes>> core_rot;
  [[nodiscard]] std::set<std::uint64_t> core_rotted(const SpoolUuid& uuid, Lane lane) const {
    const auto at = core_rot.find(uuid);
    return at == core_rot.end() ? std::set<std::uint64_t>() : at->second[index_of(lane)];
  }
  std::array<std::uint64_t, kLanes> tail_unknown{};  // cut and said; only rot may bring it about
  // What such a cut took, by offset: the core may have it.
  std::array<std::map<std::uint64_t, std::vector<Bytes>>, kLanes> cut_tail;
  std::array<Offset, kLanes> committed{};
  SpoolUuid spool_uuid = uuid_of(0xED);  // as the broker had it last
  std::vector<Past> past;
  bool edge_waits = false;     // the bridge runs and has given a closed spool free
  std::uint64_t openings = 0;  // of the lanes
  std::vector<bridge::edge::Alarm> edge_alarms;
  std::vector<bridge::core::Alarm> core_alarms;
  std::vector<bridge::edge::ToBroker> to_broker;
  std::vector<bridge::core::Answer> answers;
  std::uint64_t dropped_links = 0;
  std::uint64_t lanes_full = 0;  // refused for want of room
  LinkFaults link_faults;
  bool cut_up = false;
  bool cut_down = false;
  Seams seams;
  std::string broken;  // a promise of the spool that a start found broken

 private:
  static Disk& disk_of(Disk* planted, Disk& plain) { return planted != nullptr ? *planted : plain; }

  void stall(bool of_core) {
    constexpr unsigned kSlices = 3;
    if (std::exchange(stalled_, true)) return clock.advance_ms(1'000);
    for (unsigned slice = 0; slice < kSlices; ++slice) {
      clock.advance_ms(static_cast<std::int64_t>(300 + rng.below(1'000)));
      for (unsigned n = 0; n < 4 && deliver_to(!of_core); ++n) continue;
      if (of_core) {
        edge_event(bridge::edge::Tick{});
      } else {
        core_event(bridge::core::Tick{});
      }
    }
    stalled_ = false;
  }
  // The oldest message to one end, while the other stands still.
  bool deliver_to(bool up) {
    const auto at = std::find_if(packets.begin(), packets.end(), [up](const Packet& p) { return p.up == up; });
    if (at == packets.end() || (up ? cut_up : cut_down)) return false;
    Packet packet = std::move(*at);
    packets.erase(at);
    if (up) {
      core_event(bridge::core::Message{"e1", packet.address, std::move(packet.bytes)});
    } else {
      edge_event(bridge::edge::Message{packet.address, std::move(packet.bytes)});
    }
    return true;
  }

  spool::MoveOptions move_options() {
    spool::MoveOptions options;
    options.fresh = uuid_of(static_cast<std::uint8_t>(0x10 + past.size()));
    options.branch = ++openings << 16U;
    options.segment_bytes_max = sizes.segment_bytes_max;
    options.now = clock.wall();
    options.cohort_of = cohort_of;
    return options;
  }
  std::string note_move() {
    if (broker->volume.uuid == spool_uuid) return {};
    edge_disk.clear_faults();
    const auto moved = spool::load_moved(edge_disk, kSpoolRoot, broker->volume.uuid);
    if (!moved || !*moved || (*moved)->from != spool_uuid) return "the broker opens a spool that goes on for none";
    Past was{spool_uuid, **moved, journal, std::exchange(cut_tail, {})};
    for (const Lane lane : kAllLanes) {
      const std::uint64_t common = (*moved)->lanes[index_of(lane)].end.common.value;
      auto& bodies = journal[index_of(lane)];
      if (common > bodies.size()) return "a lane is common beyond its head";
      bodies.erase(bodies.begin(), bodies.begin() + static_cast<std::ptrdiff_t>(common));
      committed[index_of(lane)] = {bodies.size()};
    }
    tail_unknown = {};
    past.push_back(std::move(was));
    spool_uuid = broker->volume.uuid;
    return {};
  }

  // What commit() called durable before a crash is there; beyond it stands at most one group that was refused.
  std::string account_for(Lane lane) {
    const std::string name = to_string(lane);
    Offset& head = committed[index_of(lane)];
    const Offset synced = broker->writers[index_of(lane)]->synced();
    const spool::Recovery& recovered = broker->recovered[index_of(lane)];
    if (recovered.lost > 0 && !rotted[index_of(lane)]) return name + ": a torn tail was taken for rot";
    if (synced < head) {
      if (!rotted[index_of(lane)] || recovered.tail_unknown == 0) return name + ": committed records vanished";
      tail_unknown[index_of(lane)] += head - synced;
      const std::vector<Bytes>& all = journal[index_of(lane)];
      for (std::uint64_t at = synced.value; at < all.size(); ++at) cut_tail[index_of(lane)][at].push_back(all[at]);
      journal[index_of(lane)].resize(synced.value);
      head = synced;
    }
    return synced == head ? (refused[index_of(lane)].clear(), std::string()) : adopt_survivors(lane, synced);
  }
  std::string adopt_survivors(Lane lane, Offset synced) {
    const std::string name = to_string(lane);
    Offset& head = committed[index_of(lane)];
    edge_disk.clear_faults();
    auto reader = spool::LaneReader::open(edge_disk, broker->volume.lane_dir(lane), broker->volume.uuid, lane);
    auto found = reader ? (*reader)->read(head, synced - head, UINT64_MAX)
                        : Result<std::vector<spool::ReadRecord>>(std::move(reader).error());
    if (!found) return name + ": what recovery kept cannot be read: " + found.error().what;
    std::vector<Bytes> bodies;
    for (spool::ReadRecord& record : *found) bodies.push_back(std::move(record.body));
    for (std::vector<Bytes>& group : refused[index_of(lane)]) {
      if (group != bodies) continue;
      for (Bytes& body : group) journal[index_of(lane)].push_back(std::move(body));
      head = synced;
      refused[index_of(lane)].clear();
      return {};
    }
    return name + ": recovery kept " + std::to_string(synced - head) + " records that nobody wrote there";
  }
  void run_edge(bridge::edge::EdgeActions actions) {
    bool drop = false;
    bool closed = false;
    for (auto& action : actions) {
      if (auto* publish = std::get_if<bridge::edge::Publish>(&action)) {
        packets.push_back({true, publish->address, std::move(publish->bytes)});
        if (seams.sending) seams.sending(packets.back());
      } else if (auto* request = std::get_if<bridge::edge::ToBroker>(&action)) {
        to_broker.push_back(std::move(*request));
      } else if (auto* alarm = std::get_if<bridge::edge::Alarm>(&action)) {
        edge_alarms.push_back(std::move(*alarm));
      } else if (std::holds_alternative<bridge::edge::DropLink>(action)) {
        drop = true;
      } else if (const auto* close = std::get_if<bridge::edge::CloseSpool>(&action)) {
        closed = spool::store_closing(disk_of(seams.edge_disk, edge_disk), kSpoolRoot, close->mark).ok();
      }
    }
    if (closed) {
      stop_edge();
      edge_waits = true;
      return;
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

  bool stalled_ = false;
};

}  // namespace wayside::test
