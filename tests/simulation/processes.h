// The processes of the simulated world: what each adapter of the product wires together, without its threads.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include "bridge/core/core_link.h"
#include "bridge/edge/edge_link.h"
#include "bridge/sink/file_sink.h"
#include "schemas/record.h"
#include "spool/move.h"
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

// What stands between the edge's end of the link and its volume; a planted bug slides something else in.
struct EdgePorts {
  using Reader = std::unique_ptr<spool::LaneReader>;
  using Settlement = std::unique_ptr<spool::SettlementLog>;
  std::function<Reader(Lane, Reader)> reader = [](Lane, Reader plain) { return plain; };
  std::function<Settlement(Lane, Settlement)> settlement = [](Lane, Settlement plain) { return plain; };
};

// How much room there is. In a small world lanes fill up while what empties them is dead.
struct Sizes {
  std::uint64_t segment_bytes_max = 256U << 10U;
  std::uint64_t edge_lane_bytes_max = 1ULL << 30U;
  std::uint64_t core_lane_bytes_max = 4ULL << 30U;
  std::uint32_t core_record_bytes_max = 4U << 20U;
};
inline constexpr Sizes kSmall{64U << 10U, 224U << 10U, 192U << 10U};

inline std::string cohort_of(ByteView body) {
  const auto record = schemas::decode_record(body);
  return record.ok() ? std::string(record->cohort) : std::string();
}

// The broker's part: writers of all lanes.
struct SimBroker {
  spool::Volume volume;
  std::array<std::unique_ptr<spool::LaneWriter>, kLanes> writers;
  std::array<spool::Recovery, kLanes> recovered;
  std::array<Offset, kLanes> settled_seen{};

  // `move`: as the broker would have it move a spool that it finds half moved.
  static Result<std::unique_ptr<SimBroker>> start(Disk& disk, const Sizes& sizes, const spool::MoveOptions& move = {}) {
    auto broker = std::make_unique<SimBroker>();
    const auto finished = spool::finish_move(disk, kSpoolRoot, move);
    if (!finished) return finished.error();
    auto volume = spool::open_volume(disk, kSpoolRoot, spool::VolumeRole::writer, uuid_of(0xED));
    if (!volume) return volume.error();
    broker->volume = std::move(*volume);
    for (const Lane lane : kAllLanes) {
      spool::LaneOptions options;
      options.dir = broker->volume.lane_dir(lane);
      options.lane = lane;
      options.uuid = broker->volume.uuid;
      options.segment_bytes_max = sizes.segment_bytes_max;
      options.lane_bytes_max = sizes.edge_lane_bytes_max;
      options.branch = move.branch;
      auto settled = spool::read_settled(disk, options.dir, options.uuid, lane);
      const Offset known = settled ? settled->next : Offset{};
      if (settled) options.known_digest = settled->digest;
      auto writer = spool::LaneWriter::open(disk, options, known, &broker->recovered[index_of(lane)]);
      if (!writer) return writer.error();
      broker->writers[index_of(lane)] = std::move(*writer);
    }
    return broker;
  }
  // Deletes what the bridge settled, as the broker does: what it has seen settled only rises.
  void release(Disk& disk) {
    for (const Lane lane : kAllLanes) {
      Offset& seen = settled_seen[index_of(lane)];
      auto settled = spool::read_settled(disk, volume.lane_dir(lane), volume.uuid, lane);
      if (settled) seen = std::max(seen, settled->next);
      (void)writers[index_of(lane)]->release_below(seen);
    }
  }
};

struct SimEdge {
  static Result<std::optional<SpoolUuid>> moved_from(Disk& disk) {
    const auto volume = spool::open_volume(disk, kSpoolRoot, spool::VolumeRole::reader, {});
    if (!volume) return volume.error();
    const auto moved = spool::load_moved(disk, kSpoolRoot, volume->uuid);
    if (!moved) return moved.error();
    return *moved ? std::optional<SpoolUuid>((*moved)->from) : std::nullopt;
  }

  spool::Volume volume;
  std::array<std::unique_ptr<spool::LaneReader>, kLanes> readers;
  std::array<std::unique_ptr<spool::SettlementLog>, kLanes> settlements;
  std::unique_ptr<bridge::edge::EdgeLink> link;

  static Result<std::unique_ptr<SimEdge>> start(Disk& disk, bridge::edge::EdgeOptions options,
                                                const EdgePorts& between = {}) {
    auto edge = std::make_unique<SimEdge>();
    const auto moved = moved_from(disk);
    if (!moved) return moved.error();
    options.previous = *moved;
    auto volume = spool::open_volume(disk, kSpoolRoot, spool::VolumeRole::settler, {});
    if (!volume) return volume.error();
    edge->volume = std::move(*volume);
    std::array<bridge::edge::LanePorts, kLanes> ports;
    for (const Lane lane : kAllLanes) {
      auto reader = spool::LaneReader::open(disk, edge->volume.lane_dir(lane), edge->volume.uuid, lane);
      if (!reader) return reader.error();
      auto settlement = spool::SettlementLog::open(disk, edge->volume.lane_dir(lane), edge->volume.uuid, lane);
      if (!settlement) return settlement.error();
      edge->readers[index_of(lane)] = between.reader(lane, std::move(*reader));
      edge->settlements[index_of(lane)] = between.settlement(lane, std::move(*settlement));
      ports[index_of(lane)] = {edge->readers[index_of(lane)].get(), edge->settlements[index_of(lane)].get()};
    }
    options.uuid = edge->volume.uuid;
    edge->link = std::make_unique<bridge::edge::EdgeLink>(std::move(options), ports);
    return edge;
  }
};

// A closed spool is its broker's alone.
inline Result<bool> is_closed(Disk& disk) {
  const auto volume = spool::open_volume(disk, kSpoolRoot, spool::VolumeRole::reader, {});
  if (!volume) return volume.error();
  const auto mark = spool::load_closing(disk, kSpoolRoot, volume->uuid);
  if (!mark) return mark.error();
  return mark->has_value();
}

struct SimCore {
  std::unique_ptr<bridge::core::CoreLog> log;
  std::unique_ptr<bridge::core::DeadLetters> dead_letters;
  std::unique_ptr<bridge::core::CoreLink> link;
  std::unique_ptr<bridge::sink::FileSink> sink;

  static Result<std::unique_ptr<SimCore>> start(Disk& disk, bridge::core::CoreOptions options, const Sizes& sizes) {
    auto core = std::make_unique<SimCore>();
    bridge::core::CoreLogOptions log_options;
    log_options.root = kCoreRoot;
    log_options.fresh = uuid_of(0xC0);
    log_options.segment_bytes_max = sizes.segment_bytes_max;
    log_options.lane_bytes_max = sizes.core_lane_bytes_max;
    log_options.record_bytes_max = sizes.core_record_bytes_max;
    log_options.checkpoint_records = 200;
    auto held = bridge::sink::FileSink::holds(disk, kSinkDir);
    if (!held) return held.error();
    if (*held) log_options.sinks.push_back(**held);
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

}  // namespace wayside::test
