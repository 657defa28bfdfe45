// Says in time that the spool fills up: marks of each lane, of all together and of the volume, before the door
// has to say SPOOL_FULL.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/custody/fill_forecast.h"
#include "broker/custody/fill_mark.h"
#include "broker/custody/volume_check.h"
#include "common/metrics/metrics.h"
#include "common/types.h"

namespace wayside::broker {

// What the lanes hold now.
struct SpaceUse {
  std::array<std::uint64_t, kLanes> lane_bytes{};
  std::array<bool, kLanes> lane_waits{};  // its oldest record is older than a drained lane's would be
  std::uint64_t bytes = 0;                // of all of them
  std::optional<VolumeSpace> volume;
  MonoMs at{};
};

// Owns     one mark and one forecast a lane, one mark of the total, one of the volume.
// Thread   one: control, once a second.
// Durable  -
// Limits   -
//
// The mark of the volume is how much of custody.volume_reserve_bytes would be gone if every lane and the command
// store filled up now: others write to the volume too.
class SpaceWatch {
 public:
  struct Bounds {
    std::array<std::uint64_t, kLanes> lane_bytes_max{};
    std::uint64_t total_bytes_max = 0;
    VolumeNeed need;  // as it was at start
    FillMark::Limits marks;
  };
  SpaceWatch(metrics::Registry& metrics, const Bounds& bounds);
  void look(const SpaceUse& use);
  [[nodiscard]] Mark mark(const std::string& what) const;

 private:
  struct Watched {
    std::string what;  // a lane, "total", "volume"
    FillMark mark;
    metrics::Gauge& gauge;
  };
  void update(Watched& watched, std::uint64_t used, std::uint64_t bound);
  void look_at_lane(Lane lane, const SpaceUse& use);
  void look_at_volume(const SpaceUse& use);

  metrics::Registry& metrics_;
  const Bounds bounds_;
  std::vector<Watched> watched_;
  std::array<FillForecast, kLanes> forecasts_;
};

}  // namespace wayside::broker
