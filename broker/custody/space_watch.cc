#include "broker/custody/space_watch.h"

#include <algorithm>

#include "common/log/log.h"

namespace wayside::broker {
namespace {

constexpr const char* kMarkHelp =
    "Mark that the bytes of a lane, of all lanes or of the volume have reached: 0, 1 warn, 2 high.";
constexpr const char* kFullInHelp = "When the lane is full if it fills as in the last minute; infinity: it does not.";
constexpr const char* kMarksHelp = "How often a mark was reached from below.";

metrics::Gauge& gauge_of(metrics::Registry& metrics, const std::string& what) {
  return metrics.gauge("wayside_custody_mark", kMarkHelp, {{"what", what}});
}

}  // namespace

SpaceWatch::SpaceWatch(metrics::Registry& metrics, const Bounds& bounds) : metrics_(metrics), bounds_(bounds) {
  std::vector<std::string> names;
  for (const Lane lane : kAllLanes) {
    names.emplace_back(to_string(lane));
    metrics_.gauge("wayside_lane_bytes_max", "Bound of the live segments of the lane.", {{"lane", to_string(lane)}})
        .set(static_cast<double>(bounds_.lane_bytes_max[index_of(lane)]));
  }
  names.insert(names.end(), {"total", "volume"});
  for (const std::string& what : names) {
    watched_.push_back({what, FillMark(bounds_.marks), gauge_of(metrics_, what)});
    for (const Mark mark : {Mark::warn, Mark::high}) {
      metrics_.counter("wayside_custody_marks_total", kMarksHelp, {{"what", what}, {"mark", to_string(mark)}});
    }
  }
  metrics_.gauge("wayside_custody_bytes_max", "Bound of the live segments of all lanes together.")
      .set(static_cast<double>(bounds_.total_bytes_max));
}

void SpaceWatch::update(Watched& watched, std::uint64_t used, std::uint64_t bound) {
  const Mark before = watched.mark.mark();
  if (!watched.mark.update(used, bound)) return;
  const Mark now = watched.mark.mark();
  watched.gauge.set(static_cast<double>(now));
  const log::Fields fields = {{"what", watched.what},
                              {"mark", to_string(now)},
                              {"used_bytes", std::to_string(used)},
                              {"of_bytes", std::to_string(bound)}};
  if (now < before) return log::info("custody_mark", fields);
  metrics_.counter("wayside_custody_marks_total", kMarksHelp, {{"what", watched.what}, {"mark", to_string(now)}}).add();
  if (now == Mark::high) return log::error("custody_mark", fields);
  log::warning("custody_mark", fields);
}

void SpaceWatch::look_at_lane(Lane lane, const SpaceUse& use) {
  const std::uint64_t bytes = use.lane_bytes[index_of(lane)];
  const std::uint64_t bound = bounds_.lane_bytes_max[index_of(lane)];
  update(watched_[index_of(lane)], bytes, bound);
  metrics_.gauge("wayside_lane_full_in_seconds", kFullInHelp, {{"lane", to_string(lane)}})
      .set(forecasts_[index_of(lane)].seconds(bytes, bound, use.lane_waits[index_of(lane)], use.at));
}

void SpaceWatch::look_at_volume(const SpaceUse& use) {
  metrics_.gauge("wayside_volume_free_bytes", "Free bytes of the volume of the spool.")
      .set(static_cast<double>(use.volume->available_bytes));
  VolumeNeed need = bounds_.need;
  need.used_bytes = use.bytes;
  const std::uint64_t needed = need.bytes();
  const std::uint64_t missing = needed > use.volume->available_bytes ? needed - use.volume->available_bytes : 0;
  update(watched_.back(), std::min(missing, need.reserve_bytes), need.reserve_bytes);
}

void SpaceWatch::look(const SpaceUse& use) {
  for (const Lane lane : kAllLanes) look_at_lane(lane, use);
  update(watched_[kLanes], use.bytes, bounds_.total_bytes_max);
  metrics_.gauge("wayside_custody_bytes", "Live segments of all lanes together.").set(static_cast<double>(use.bytes));
  if (use.volume) look_at_volume(use);
}

Mark SpaceWatch::mark(const std::string& what) const {
  const auto found =
      std::find_if(watched_.begin(), watched_.end(), [&](const Watched& one) { return one.what == what; });
  WAYSIDE_ASSERT(found != watched_.end());
  return found->mark.mark();
}

}  // namespace wayside::broker
