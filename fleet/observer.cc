#include "fleet/observer.h"

#include "common/metrics/samples.h"
#include "common/types.h"
#include "fleet/admin.h"

namespace wayside::fleet {
namespace {

constexpr int kScrapeTimeoutMs = 300;

std::uint64_t sum(const metrics::Samples& samples, const char* name, const metrics::SampleLabels& with = {}) {
  return static_cast<std::uint64_t>(samples.sum(name, with));
}

}  // namespace

Picture Observer::look(double elapsed_s) {
  Picture picture = last_;
  picture.elapsed_s = elapsed_s;
  picture.cars = cars_.stats();
  picture.bytes_in = picture.cars.total.bytes;
  picture.link_bytes = region_.relay().bytes();
  picture.processes = region_.processes();
  picture.core_up = picture.processes[0].pid > 0 && picture.processes[1].pid > 0;
  const auto edge = http_get(region_.ports().edge_metrics, "/metrics", kScrapeTimeoutMs);
  picture.edge_answers = edge.ok();
  if (edge) {
    const auto samples = metrics::Samples::parse(edge->body);
    picture.online_at_edge = sum(samples, "wayside_vehicles_online");
    picture.backlog.clear();
    for (const auto lane : kAllLanes) {
      const metrics::SampleLabels with = {{"lane", to_string(lane)}};
      picture.backlog.push_back({to_string(lane), sum(samples, "wayside_lane_pending_records", with)});
    }
  }
  if (const auto bridge = http_get(region_.ports().edge_bridge_metrics, "/metrics", kScrapeTimeoutMs); bridge) {
    picture.batches_out = sum(metrics::Samples::parse(bridge->body), "wayside_link_batches_total");
  }
  last_ = picture;
  return picture;
}

}  // namespace wayside::fleet
