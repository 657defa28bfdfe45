// A region of two edges behind one core log, on a disk that forgets.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bridge/core/core_log.h"
#include "bridge/core/vehicle_router.h"
#include "schemas/messages.h"
#include "tests/support/sim_disk.h"

namespace wayside::test {

struct TwoEdges {
  static constexpr WallMs kNow{1'700'000'000'000};
  static constexpr const char* kFile = "/core/log/vehicles.places";
  static constexpr const char* kBeside = "/core/log/vehicles.places.new";

  static bridge::core::CoreLogOptions small() {
    bridge::core::CoreLogOptions out;
    out.root = "/core/log";
    out.fresh.bytes.fill(0xC0);
    out.segment_bytes_max = 64U << 10U;
    out.lane_bytes_max = 1U << 20U;
    return out;
  }
  static SpoolUuid spool_of(const std::string& edge) {
    SpoolUuid uuid;
    uuid.bytes.fill(static_cast<std::uint8_t>(edge.back()));
    return uuid;
  }

  explicit TwoEdges(bridge::core::CoreLogOptions with = small()) : options(std::move(with)) { start(); }
  void start(std::vector<std::string>* sentences = nullptr) {
    log.reset();
    auto opened = bridge::core::CoreLog::open(disk, options, sentences);
    if (!opened) FAIL(opened.error().what);
    log = std::move(*opened);
    for (const char* edge : {"edge-1", "edge-2"}) REQUIRE(log->bind(spool_of(edge), edge).ok());
  }
  void lose_power() {
    disk.power_loss(rng);
    start();
  }
  // Staged: durable with the next flush.
  void say(const std::string& edge, const std::string& topic, Bytes payload) {
    bridge::core::CoreRecord record;
    record.lane = Lane::event;
    record.uuid = spool_of(edge);
    record.first = log->staged().of(record.uuid, Lane::event).next;
    record.received = kNow;
    bridge::batch::Delivered body;
    body.offset = record.first;
    body.topic = topic;
    body.payload = std::move(payload);
    record.what = std::move(body);
    REQUIRE(log->append({record}, kNow) == spool::AppendOutcome::appended);
  }
  void say_presence(const std::string& edge, const std::string& vehicle, std::uint64_t epoch, bool online = true) {
    schemas::PresenceMessage presence;
    presence.vehicle = vehicle;
    presence.online = online;
    presence.epoch = epoch;
    presence.edge = edge;
    say(edge, "v1/" + vehicle + "/presence", schemas::build_presence(presence));
  }
  void deliver(const std::string& edge, const std::string& topic, Bytes payload) {
    say(edge, topic, std::move(payload));
    turn();
  }
  void show(const std::string& edge, const std::string& vehicle, std::uint64_t epoch, bool online = true) {
    say_presence(edge, vehicle, epoch, online);
    turn();
  }
  // As CoreLink does without requests and checkpoints.
  void turn() {
    REQUIRE(log->flush(kNow, nullptr).ok());
    REQUIRE(log->write_places().ok());
  }
  // As the sinks have all of it: what nothing needs any more goes.
  void release() { REQUIRE(log->release(Lane::event, log->synced(Lane::event)).ok()); }
  [[nodiscard]] std::string edge_of(const std::string& vehicle) const {
    const bridge::core::VehicleRouter router({{"edge-1", "r1"}, {"edge-2", "r1"}}, log->places());
    return router.edge_of(vehicle, "r1").value_or("unknown");
  }

  bridge::core::CoreLogOptions options;
  SimDisk disk;
  SeededRng rng{7};
  std::unique_ptr<bridge::core::CoreLog> log;
};

}  // namespace wayside::test
