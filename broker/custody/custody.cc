#include "broker/custody/custody.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "broker/custody/volume_check.h"
#include "common/log/log.h"
#include "common/os/system.h"
#include "spool/format.h"

namespace wayside::broker {
namespace {

constexpr std::size_t kBusyRecords = 16;
constexpr std::int64_t kDrainedWithinMs = 10'000;  // a lane whose oldest record is younger is not filling up
constexpr const char* kRecoveryHelp = "What recovery of a lane found at start, by kind.";

}  // namespace

Custody::Custody(Disk& disk, const Clock& clock, metrics::Registry& metrics, CustodyOptions options)
    : disk_(disk), clock_(clock), metrics_(metrics), options_(std::move(options)), space_(space_limits()) {}

Custody::~Custody() { stop(); }

Result<std::unique_ptr<Custody>> Custody::open(Disk& disk, const Clock& clock, metrics::Registry& metrics,
                                               CustodyOptions options, const SpoolUuid& fresh) {
  std::unique_ptr<Custody> custody(new Custody(disk, clock, metrics, std::move(options)));
  Result<spool::Volume> volume =
      spool::open_volume(disk, custody->options_.spool_root, spool::VolumeRole::writer, fresh);
  if (!volume.ok()) return std::move(volume).error();
  custody->volume_ = std::move(*volume);
  custody->adopt_door();
  if (Result<void> opened = custody->open_lanes(); !opened.ok()) return std::move(opened).error();
  if (Result<void> fits = custody->check_space(); !fits.ok()) return std::move(fits).error();
  return custody;
}

Result<void> Custody::open_lanes() {
  for (const Lane lane : kAllLanes) {
    if (Result<void> opened = open_lane(lane); !opened.ok()) {
      return std::move(opened).error().with(std::string("lane ") + to_string(lane));
    }
  }
  return {};
}

Result<void> Custody::open_lane(Lane lane) {
  const std::string dir = volume_.lane_dir(lane);
  const Result<spool::Standing> standing = spool::read_settled(disk_, dir, volume_.uuid, lane);
  if (!standing.ok()) return standing.error();
  spool::LaneOptions lane_options;
  lane_options.dir = dir;
  lane_options.lane = lane;
  lane_options.uuid = volume_.uuid;
  lane_options.segment_bytes_max = options_.segment_bytes_max;
  lane_options.lane_bytes_max = options_.lane_bytes_max[index_of(lane)];
  lane_options.cached_bytes_max = options_.lane_cached_bytes_max;
  lane_options.record_bytes_max = options_.record_bytes_max;
  lane_options.known_digest = standing->digest;
  lane_options.branch = options_.branch;
  spool::Recovery recovery;
  Result<std::unique_ptr<spool::LaneWriter>> writer =
      spool::LaneWriter::open(disk_, lane_options, standing->next, &recovery);
  if (!writer.ok()) return std::move(writer).error();
  report(lane, recovery);
  auto watch = std::make_unique<LaneWatch>(disk_, clock_, metrics_, dir, volume_.uuid, lane);
  if (options_.sessions_keep) watch->keep_from({}, Keeper::sessions);
  LaneThread::Options thread_options{.desk = {.lane = lane,
                                              .queue_bytes_max = options_.queue_bytes_max,
                                              .record_bytes_max = options_.record_bytes_max,
                                              .group = group_limits(lane)},
                                     .probe_path = dir + ".probe"};
  const auto wake_later = [this, lane] {
    for (std::size_t later = index_of(lane) + 1; later < kLanes; ++later) lanes_[later]->nudge();
  };
  lanes_[index_of(lane)] = std::make_unique<LaneThread>(
      std::move(thread_options), LaneThread::Parts{disk_, clock_, metrics_, door_, board_, space_, wake_later},
      std::move(*writer), std::move(watch));
  return {};
}

GroupPlanner::Limits Custody::group_limits(Lane lane) const {
  GroupPlanner::Limits limits;
  limits.commit_interval_ms = options_.commit_interval_ms;
  const bool telemetry = lane == Lane::state || lane == Lane::bulk;
  limits.group_bytes_max = telemetry ? options_.bulk_unsynced_bytes_max : options_.commit_bytes;
  // Commands and acks are never waited with; what is many waits for more of it.
  if (telemetry || lane == Lane::event) limits.busy_records = kBusyRecords;
  return limits;
}

void Custody::report(Lane lane, const spool::Recovery& recovery) {
  const std::string name = to_string(lane);
  const auto count = [&](const char* kind, std::uint64_t value) {
    metrics_.counter("wayside_spool_recovery_total", kRecoveryHelp, {{"lane", name}, {"kind", kind}})
        .add(static_cast<double>(value));
  };
  count("lost_records", recovery.lost);
  count("torn_bytes", recovery.torn_bytes);
  count("tail_unknown", recovery.tail_unknown);
  for (const std::string& sentence : recovery.sentences)
    log::warning("spool_recovery", {{"lane", name}, {"found", sentence}});
  log::info("lane_open", {{"lane", name},
                          {"synced", std::to_string(recovery.synced.value)},
                          {"segments", std::to_string(recovery.segments)},
                          {"lost", std::to_string(recovery.lost)},
                          {"torn_bytes", std::to_string(recovery.torn_bytes)},
                          {"tail_unknown", std::to_string(recovery.tail_unknown)}});
}

SpaceBoard::Limits Custody::space_limits() const {
  SpaceBoard::Limits limits{options_.total_bytes_max, 0};
  const std::uint64_t all =
      std::accumulate(options_.lane_bytes_max.begin(), options_.lane_bytes_max.end(), std::uint64_t{0});
  if (limits.total_bytes_max == 0 || limits.total_bytes_max > all) limits.total_bytes_max = all;
  // More than their own bounds the two lanes could never use.
  const std::uint64_t urgent =
      options_.lane_bytes_max[index_of(Lane::command)] + options_.lane_bytes_max[index_of(Lane::ack)];
  limits.urgent_reserve_bytes = std::min(options_.urgent_reserve_bytes, urgent);
  return limits;
}

std::uint64_t Custody::lane_bytes() const {
  std::uint64_t bytes = 0;
  for (const Lane lane : kAllLanes) bytes += ledger(lane).bytes;
  return bytes;
}

VolumeNeed Custody::need() const {
  VolumeNeed need;
  need.lane_bytes_max = space_.limits().total_bytes_max;
  need.used_bytes = lane_bytes();
  need.ahead_bytes = kLanes * (spool::kAllocateStepBytes + spool::kHeaderBytes + 2 * spool::kFooterBytesMax);
  need.store_bytes_max = options_.store_bytes_max;
  need.closed_bytes_max = options_.closed_bytes_max;
  if (need.store_bytes_max > 0) {
    need.store_used_bytes = file_bytes(options_.store_file) + file_bytes(options_.store_file + "-wal");
  }
  need.reserve_bytes = options_.volume_reserve_bytes;
  return need;
}

Result<void> Custody::check_space() {
  Result<VolumeSpace> space = volume_space(volume_.root);
  if (!space.ok()) return std::move(space).error();
  space_watch_.emplace(
      metrics_, SpaceWatch::Bounds{options_.lane_bytes_max, space_.limits().total_bytes_max, need(), options_.marks});
  if (Result<void> fits = check_volume(need(), *space, volume_.root); !fits.ok()) return fits;
  if (need().bytes() > space->available_bytes) {
    log::warning("volume_short", {{"needs_bytes", std::to_string(need().bytes())},
                                  {"available_bytes", std::to_string(space->available_bytes)},
                                  {"why",
                                   "closed commands may take what custody.volume_reserve_bytes keeps: lower "
                                   "commands.closed_bytes_max, or use a larger volume"}});
  }
  return {};
}

void Custody::watch_space() {
  SpaceUse use;
  use.at = clock_.mono();
  for (const Lane lane : kAllLanes) {
    const LaneLedger now = ledger(lane);
    use.lane_bytes[index_of(lane)] = now.bytes;
    use.lane_waits[index_of(lane)] = now.oldest_ms > kDrainedWithinMs;
  }
  use.bytes = lane_bytes();
  if (const Result<VolumeSpace> space = volume_space(volume_.root); space.ok()) use.volume = *space;
  space_watch_->look(use);
}

void Custody::adopt_door() {
  const Result<std::string> text = os::read_file(options_.door_file);
  if (!text.ok()) return;  // the first life of this edge
  for (const std::string& line : door_.adopt(*text)) log::warning("door_count_skipped", {{"line", log::clean(line)}});
  const std::uint64_t waiting = door_.forget_waiting();
  if (waiting > 0) {
    log::info("door_counts_cut",
              {{"waiting", std::to_string(waiting)}, {"why", "the last second of these counts was not persisted"}});
  }
}

void Custody::start(IoPort& io) {
  for (const auto& lane : lanes_) lane->start(io);
}

void Custody::stop() {
  // All of them exist or the volume never opened; a lane that stops nudges later ones, so none goes before the end.
  for (const auto& lane : lanes_) {
    if (lane) lane->stop();
  }
  if (lanes_.back()) {
    if (const Result<void> kept = persist_door(); !kept.ok()) log::warning("door_counts", {{"why", kept.error().what}});
  }
}

Outcome<void> Custody::offer(Offer offer) {
  const std::size_t lane = index_of(offer.lane);
  return lanes_[lane]->offer(std::move(offer));
}

bool Custody::writable() const {
  for (const auto& lane : lanes_) {
    if (!lane->writable()) return false;
  }
  return true;
}

Result<void> Custody::persist_door() { return os::write_file_atomic(options_.door_file, door_.text(), 0600); }

void Custody::count_door(Lane lane, const char* outcome, const std::string& reason, std::uint64_t total) {
  metrics_
      .counter("wayside_door_records_total", "Records at the door of custody, by what became of them.",
               {{"lane", to_string(lane)}, {"outcome", outcome}, {"reason", reason}})
      .raise_to(total);
}

void Custody::publish_door() {
  for (const Lane lane : kAllLanes) {
    const LaneDoor counts = door_.lane(lane);
    count_door(lane, "offered", "", counts.offered);
    count_door(lane, "committed", "", counts.committed);
    for (const auto& [reason, count] : counts.refused) count_door(lane, "refused", reason, count);
    for (const auto& [reason, count] : counts.shed) count_door(lane, "shed", reason, count);
  }
}

}  // namespace wayside::broker
