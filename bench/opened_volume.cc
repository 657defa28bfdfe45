#include "bench/opened_volume.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "common/os/posix_disk.h"
#include "common/os/system.h"
#include "fleet/process.h"
#include "spool/lane.h"

namespace wayside::bench {
namespace {

constexpr std::int64_t kStartSecondsMax = 120;
constexpr useconds_t kLookUs = 500;

using Time = std::chrono::steady_clock::time_point;
Time now() { return std::chrono::steady_clock::now(); }
double seconds_since(Time begun) { return std::chrono::duration<double>(now() - begun).count(); }

Error wrong(Lane lane, const std::string& what) {
  return {Fault::corrupt, fmt::format("the ledger of lane {}: {}", to_string(lane), what)};
}

// From the counts that custody holds in memory once it is open.
Result<void> check_ledger(const broker::LaneLedger& ledger, MakerPage& page, MakerEnd end) {
  const Lane lane = ledger.lane;
  const std::uint64_t synced = page.synced(lane).load();
  const std::uint64_t head_max = end == MakerEnd::stop ? synced : page.appended(lane).load();
  if (ledger.synced.value < synced || ledger.synced.value > head_max) {
    return wrong(lane, fmt::format("head {}, {} were synced, {} appended", ledger.synced.value, synced, head_max));
  }
  const spool::Standing settled = standing_at({page.settled(lane).load()});
  if (ledger.settled.next != settled.next || ledger.settled.totals != settled.totals ||
      ledger.settled.cohorts != settled.cohorts) {
    return wrong(lane, "the settlement is not the one that was made");
  }
  if (ledger.received != ledger.synced.value || ledger.residual() != 0) return wrong(lane, "it does not add up");
  return {};
}

Result<void> check_cohorts(Disk& disk, const broker::Custody& custody, Lane lane) {
  const auto& volume = custody.volume();
  auto reader = spool::LaneReader::open(disk, volume.lane_dir(lane), volume.uuid, lane);
  if (!reader) return std::move(reader).error();
  auto received = (*reader)->received_by_cohort();
  if (!received) return std::move(received).error();
  if (*received != received_at((*reader)->synced())) return wrong(lane, "received by cohort is not what was written");
  return {};
}

Result<void> check_nothing_lost(const metrics::Registry& metrics) {
  for (const char* kind : {"lost_records", "tail_unknown"}) {
    for (const Lane lane : kAllLanes) {
      const std::string line =
          fmt::format("wayside_spool_recovery_total{{kind=\"{}\",lane=\"{}\"}} 0\n", kind, to_string(lane));
      if (metrics.text().find(line) == std::string::npos) return wrong(lane, std::string("recovery found ") + kind);
    }
  }
  return {};
}

}  // namespace

Result<double> time_custody(const EdgeFiles& edge, MakerPage& page, MakerEnd end) {
  const auto disk = os::make_posix_disk();
  const os::SystemClock clock;
  const auto metrics = metrics::Registry::create();
  const auto begun = now();
  auto custody = broker::Custody::open(*disk, clock, *metrics, edge.custody, os::random_uuid());
  if (!custody) return std::move(custody).error();
  for (const Lane lane : kAllLanes) {
    if (auto right = check_ledger((*custody)->ledger(lane), page, end); !right) return std::move(right).error();
  }
  const double seconds = seconds_since(begun);
  for (const Lane lane : kAllLanes) {
    if (auto right = check_cohorts(*disk, **custody, lane); !right) return std::move(right).error();
  }
  if (auto right = check_nothing_lost(*metrics); !right) return std::move(right).error();
  return seconds;
}

Result<double> time_broker(const EdgeFiles& edge, const std::string& program, const std::string& log_file) {
  ::unlink(edge.ports.c_str());
  fleet::Process broker({"broker", {program, "--config", edge.config}, log_file});
  const auto begun = now();
  if (auto started = broker.start(); !started) return std::move(started).error();
  struct stat status{};
  while (::stat(edge.ports.c_str(), &status) != 0) {
    if (!broker.running() || seconds_since(begun) > kStartSecondsMax) {
      return Error{Fault::timeout, "the broker did not start: " + fleet::log_tail(log_file)};
    }
    ::usleep(kLookUs);
  }
  const double seconds = seconds_since(begun);
  if (!broker.stop()) return Error{Fault::internal, "the broker did not stop by itself"};
  return seconds;
}

}  // namespace wayside::bench
