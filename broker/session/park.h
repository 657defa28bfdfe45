// Pacing, not deafness: QoS 1 publishes of a 3.1.1 peer that custody has no room for wait here, uncommitted
// and unacknowledged, and are offered again in order; the connection goes on being read.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "common/reasons.h"
#include "common/types.h"

namespace wayside::broker::session {

// A matter of room: the same record may be taken later.
bool is_for_room(Reason reason);

// A record on its way to custody; the park keeps a copy until its outcome is known.
struct ParkedRecord {
  std::uint64_t token = 0;
  Bytes body;
};

enum class ParkOutcome : std::uint8_t {
  parked,  // for the first time
  again,   // it was here before and waits on
  full,    // no place: PARK_FULL ends the connection
};

// Owns: the records of one connection between PUBLISH and PUBACK, by lane in the order of their arrival.
// Thread: the connection's. Durable: nothing; dies with the connection, which was promised nothing.
// Limits: packets_max and bytes_max of what waits (a single record always has a place); what is in flight
// is bounded by the session. A lane is probed with one record after a pause, 50 ms doubling to 1 s; once
// that one is committed, groups of 16 follow, each when the one before it is through.
class Park {
 public:
  Park(std::uint32_t packets_max, std::uint32_t bytes_max) : packets_max_(packets_max), bytes_max_(bytes_max) {}

  // Others of the lane wait: what comes now goes behind them. Their reason.
  [[nodiscard]] std::optional<Reason> waits(Lane lane) const;
  // The record is offered now; a copy stays.
  void offered(Lane lane, std::uint64_t token, const Bytes& body);
  // Of the lane, on their way to custody: the next must not overtake them.
  [[nodiscard]] std::size_t in_flight(Lane lane) const {
    const LanePark* park = find(lane);
    return park == nullptr ? 0 : park->in_flight();
  }
  // It goes behind those that wait. False: no place.
  [[nodiscard]] bool queue(Lane lane, std::uint64_t token, Bytes body);
  [[nodiscard]] bool holds(Lane lane, std::uint64_t token) const;
  // Custody had no room for it.
  [[nodiscard]] ParkOutcome refused(Lane lane, std::uint64_t token, Reason reason, MonoMs now);
  // Its outcome is known for good.
  void resolved(Lane lane, std::uint64_t token);
  // The probe of a lane whose pause is over; empty: not yet, or its last records are still in flight.
  std::vector<ParkedRecord> due(Lane lane, MonoMs now);
  // After a commit: the next group of the lane, when nothing of it is in flight.
  std::vector<ParkedRecord> flow(Lane lane);
  // When a lane is due; nullopt: none waits for a pause.
  [[nodiscard]] std::optional<MonoMs> next_due() const;
  void clear();

  [[nodiscard]] std::size_t packets() const { return packets_; }  // refused for room and not committed since
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_; }  // of these, not in flight again
  [[nodiscard]] std::size_t in_flight_bytes() const { return in_flight_bytes_; }

 private:
  struct Held {
    ParkedRecord record;
    bool parked = false;   // it counts against the bounds, until its outcome is known
    bool waiting = false;  // not in flight
  };
  // Made at the first publish of the lane: idle connections are many.
  struct LanePark {
    std::deque<Held> held;  // tokens rise
    std::size_t waiting = 0;
    Reason reason{};
    std::optional<MonoMs> retry_at;
    std::int64_t pause_ms = 0;
    [[nodiscard]] std::size_t in_flight() const { return held.size() - waiting; }
  };
  [[nodiscard]] LanePark* find(Lane lane) const { return lanes_.at(index_of(lane)).get(); }
  static std::deque<Held>::iterator find(LanePark& lane, std::uint64_t token);
  [[nodiscard]] bool room_for(std::size_t bytes) const;
  std::vector<ParkedRecord> launch(LanePark& lane, std::size_t records_max);

  std::uint32_t packets_max_;
  std::uint32_t bytes_max_;
  std::size_t packets_ = 0;
  std::size_t bytes_ = 0;
  std::size_t waiting_ = 0;
  std::size_t in_flight_bytes_ = 0;
  std::array<std::unique_ptr<LanePark>, kLanes> lanes_;
};

}  // namespace wayside::broker::session
