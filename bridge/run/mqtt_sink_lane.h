// One lane of the core log on its way to the mqtt sink: what is published and not acknowledged, and how far the
// lane is done. At least once: after a loss it goes on from the durable offset.
//
// Owns     a follower and the lane's offset file.   Thread   the sink's.
// Durable  the offset, by a new file and a rename.
// Limits   objects_max unacknowledged, passed by at most one accepted batch.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "bridge/core/core_log.h"
#include "bridge/sink/lane_follower.h"
#include "bridge/sink/sink_object.h"

namespace wayside::bridge::run {

// The offset files of mqtt sink `number`, and beside them the core log that they are of (sink::follow_log).
std::string mqtt_offset_path(const std::string& state_dir, std::size_t number, Lane lane);
std::string mqtt_followed_log_file(std::size_t number);
// What that sink holds, for the recovery of the core log before the sink opens. nullopt: nothing that tells. An offset
// file that is not one counts as none: rewind() refuses it.
Result<std::optional<core::SinkHolds>> mqtt_sink_holds(Disk& disk, const std::string& state_dir, std::size_t number);

class MqttSinkLane {
 public:
  MqttSinkLane(std::string offset_path, std::size_t objects_max)
      : path_(std::move(offset_path)), objects_max_(objects_max) {}

  // Opens, or goes back to the durable offset.
  Result<void> rewind(Disk& disk, const spool::Volume& log, Lane lane);
  // The next accepted batches; empty when there is nothing new or enough is unacknowledged.
  Result<std::vector<sink::FollowedBatch>> next();
  // A batch went out as publishes with these tokens (none: nothing of it is published).
  void sent(Offset end, std::set<std::uint64_t> tokens);
  void acked(std::uint64_t token);
  // The publish with this token is one that the lane waits for.
  [[nodiscard]] bool waits_for(std::uint64_t token) const;
  // Makes what is acknowledged durable; true when the offset moved.
  Result<bool> store();

  [[nodiscard]] Offset done() const { return stored_; }
  [[nodiscard]] std::uint64_t damaged() const { return follower_ ? follower_->damaged() : 0; }

 private:
  struct InFlight {
    Offset end{};
    std::set<std::uint64_t> tokens;
  };
  std::string path_;
  std::size_t objects_max_;
  std::unique_ptr<sink::LaneFollower> follower_;
  std::deque<InFlight> in_flight_;
  std::size_t unacknowledged_ = 0;
  Offset done_{};
  Offset stored_{};
};

}  // namespace wayside::bridge::run
