#include "cli/size/plan.h"

#include <algorithm>
#include <cmath>

#include "cli/size/figures.h"
#include "schemas/messages.h"
#include "schemas/record.h"
#include "spool/format.h"
#include "spool/lane.h"

namespace wayside::cli {
namespace {

constexpr double kHour = 3'600;
constexpr double kGiB = 1ULL << 30U;
constexpr std::uint64_t kTiB = 1ULL << 40U;
constexpr double kHighMark = 0.9;      // custody.mark_high_percent
constexpr double kVolumeShare = 0.93;  // of a volume, what ext4 leaves: inode tables, and 5 % kept for root
constexpr double kCoreShare = 0.5;     // of a core, what the load of every day may take

// Defaults and bounds of configuration that the plan starts from; a test compares them with the tables.
constexpr std::uint64_t kSegmentBytes = 16U << 20U;           // custody.segment_bytes_max
constexpr std::uint64_t kCoreSegmentBytes = 64U << 20U;       // core.log_segment_bytes_max
constexpr std::uint64_t kCoreLaneMin = 4ULL << 30U;           // default of core.log_lane_bytes_max
constexpr std::uint64_t kCommandStoreBytes = 320U << 20U;     // commands.open_bytes_max, commands.closed_bytes_max
constexpr std::uint64_t kReserveBytes = 64U << 20U;           // custody.volume_reserve_bytes
constexpr std::uint64_t kConnectionsMax = 100'000;            // vehicles.connections_max
constexpr std::uint64_t kSessionsMax = 200'000;               // vehicles.sessions_max, vehicles.tls_sessions_max
constexpr std::uint64_t kDedupeVehicles = 100'000;            // dedupe.vehicles_max
constexpr std::uint64_t kDedupeBytesVehicle = 270 + 8 * 128;  // as dedupe.window_bytes_max says
constexpr std::uint64_t kDedupeBytes = 16U << 20U;
constexpr std::uint64_t kDedupeBytesMax = 128U << 20U;
constexpr std::uint64_t kCoreVehicles = 1'000'000;  // core.vehicles_max

constexpr const char* kVin = "WSYDEM00000000001";
constexpr const char* kCohort = "fw-2026.01.1/cfg";
constexpr double kStatesOfCommand = 5;  // ACCEPTED, QUEUED, SENT, RECEIVED and an end
constexpr double kAcksOfCommand = 2;    // of the vehicle: received, and its end
constexpr double kSignedBytes = 1'024;  // intent and grant: the audit in the command lane

// A core record beside vehicle, topic, cohort, source id, catalogue and payload (bridge/core/core_record.h).
constexpr double kCoreRecordBytes = 1 + 1 + 1 + 1 + 16 + 8 + 8 + 8 + 16 + 1 + 8 + 8 + 8 + 1 + 2 + 1 + 1 + 1 + 4;
constexpr double kCatalogueBytes = 32;

struct Kind {
  std::string topic;
  double payload = 0;
  double qos2_share = 0;
};

double custody_bytes(const Kind& kind, bool qos2) {
  const Bytes payload(static_cast<std::size_t>(kind.payload));
  schemas::RecordView record;
  record.vehicle = kVin;
  record.topic = kind.topic;
  record.cohort = kCohort;
  record.payload = payload;
  if (qos2) record.qos2_session = kVin;
  Bytes body;
  schemas::encode_record(record, body);
  return static_cast<double>(spool::framed_bytes(body.size()));
}

double record_bytes(const Kind& kind) {
  return custody_bytes(kind, false) * (1 - kind.qos2_share) + custody_bytes(kind, true) * kind.qos2_share;
}

double core_record_bytes(const Kind& kind) {
  const double body =
      kCoreRecordBytes + 17 + static_cast<double>(kind.topic.size()) + 16 + kCatalogueBytes + kind.payload;
  return static_cast<double>(spool::framed_bytes(static_cast<std::size_t>(body)));
}

// Bytes a second of a lane's files, at most: each group ends within a sector and has a header of its own.
double file_bytes_per_s(double records_per_s, double bytes, double cohorts) {
  const double groups = std::min(records_per_s, 1'000 / kCommitMs.value);
  const double group = spool::kGroupFixedBytes + spool::kSectorBytes - 1 + cohorts * (spool::kCohortRowBytes + 16);
  return records_per_s * bytes + groups * group;
}

// What a lane needs for so many bytes of groups, in whole segments.
std::uint64_t segments_for(double bytes, std::uint64_t segment) {
  const double inside = static_cast<double>(segment) - spool::kHeaderBytes - spool::kFooterBytesMax;
  return (static_cast<std::uint64_t>(std::ceil(bytes / inside)) + 2) * segment;
}

Bytes presence() {
  schemas::PresenceMessage message;
  message.vehicle = kVin;
  message.epoch = 1;
  message.edge = "edge-of-the-region";
  message.reason = "CONNECTION_LOST";
  return schemas::build_presence(message);
}

// Records a second of one vehicle in each lane, and what one of them is.
struct Load {
  double records_per_s = 0;
  Kind kind;
};

Load load_of(Lane lane, const SizeInput& in) {
  const std::string base = std::string("v1/") + kVin;
  switch (lane) {
    case Lane::command: return {in.commands_per_h / kHour, {base + "/request", kSignedBytes, 0}};
    case Lane::ack:
      return {in.commands_per_h * (kStatesOfCommand + kAcksOfCommand) / kHour,
              {base + "/status/" + std::string(26, 'a'), 256, 0}};
    case Lane::event: {
      const double said = in.events_per_h;
      const double presences = 2 * in.connects_per_h;
      const double total = said + presences;
      const auto size = static_cast<double>(presence().size());
      const double mean = total > 0 ? (said * in.event_bytes + presences * size) / total : size;
      return {total / kHour, {base + "/event/harsh-braking", mean, in.qos2_percent / 100}};
    }
    case Lane::state: return {in.messages_per_s, {base + "/state", in.message_bytes, in.qos2_percent / 100}};
    case Lane::bulk: return {in.bulk_per_h / kHour, {base + "/bulk/trace", in.bulk_bytes, in.qos2_percent / 100}};
  }
  return {};
}

LanePlan lane_plan(Lane lane, const SizeInput& in, double vehicles_per_edge) {
  const Load load = load_of(lane, in);
  LanePlan plan;
  plan.lane = lane;
  plan.records_per_s = load.records_per_s * vehicles_per_edge;
  plan.record_bytes = record_bytes(load.kind);
  plan.bytes_per_s = file_bytes_per_s(plan.records_per_s, plan.record_bytes, in.cohorts);
  plan.bytes_max = segments_for(plan.bytes_per_s * in.core_away_h * kHour / kHighMark, kSegmentBytes);
  // The urgent lanes are never smaller than they are without being told.
  if (lane == Lane::command) plan.bytes_max = std::max<std::uint64_t>(plan.bytes_max, 32U << 20U);
  if (lane == Lane::ack) plan.bytes_max = std::max<std::uint64_t>(plan.bytes_max, 64U << 20U);
  const double kept = lane == Lane::state ? 1 - in.compacted_percent / 100 : 1;
  const double core_records = load.records_per_s * in.vehicles * kept;
  plan.core_bytes_per_s = file_bytes_per_s(core_records, core_record_bytes(load.kind), in.cohorts);
  plan.core_bytes = segments_for(plan.core_bytes_per_s * in.sink_away_h * kHour, kCoreSegmentBytes);
  return plan;
}

std::uint64_t gib_for(double bytes) { return static_cast<std::uint64_t>(std::ceil(bytes / kVolumeShare / kGiB)); }
std::uint64_t count(double value) { return static_cast<std::uint64_t>(std::ceil(value)); }

void add_keys(SizePlan& plan) {
  // A tenth more than there are: some come back before their old connection is seen to be gone.
  const std::uint64_t here = count(plan.vehicles_per_edge * 1.1);
  if (here > kConnectionsMax) plan.broker_keys.emplace_back("vehicles.connections_max", here);
  if (here > kSessionsMax) {
    plan.broker_keys.emplace_back("vehicles.sessions_max", here);
    plan.broker_keys.emplace_back("vehicles.tls_sessions_max", here);
  }
  if (plan.io_threads > 2) plan.broker_keys.emplace_back("vehicles.io_threads", plan.io_threads);
  const std::uint64_t all = count(plan.input.vehicles * 1.1);
  if (all > kCoreVehicles) plan.core_keys.emplace_back("core.vehicles_max", all);
  if (all > kDedupeVehicles) plan.core_keys.emplace_back("dedupe.vehicles_max", all);
  const std::uint64_t window = std::min(all * kDedupeBytesVehicle, kDedupeBytesMax);
  if (window > kDedupeBytes) plan.core_keys.emplace_back("dedupe.window_bytes_max", window);
  if (all * kDedupeBytesVehicle > kDedupeBytesMax) {
    plan.notes.emplace_back(
        "the source ids of all vehicles do not fit dedupe.window_bytes_max: of those that delivered longest ago, "
        "repeats "
        "are delivered");
  }
}

void judge_bounds(SizePlan& plan) {
  for (const LanePlan& lane : plan.lanes) {
    if (lane.bytes_max > kTiB) {
      plan.beyond.push_back(std::string("the ") + to_string(lane.lane) +
                            " lane needs more than 1 TiB: more edges, or fewer hours");
    }
  }
  if (plan.core_lane_max > kTiB)
    plan.beyond.emplace_back("a lane of the core log needs more than 1 TiB: fewer hours, or several cores");
  if (plan.io_threads > 64) plan.beyond.emplace_back("an edge needs more than 64 I/O threads: more edges");
}

}  // namespace

SizePlan size_plan(const SizeInput& input) {
  SizePlan plan;
  plan.input = input;
  plan.vehicles_per_edge = input.vehicles / input.edges;
  for (const Lane lane : kAllLanes) {
    LanePlan& one = plan.lanes[index_of(lane)] = lane_plan(lane, input, plan.vehicles_per_edge);
    plan.lane_bytes += one.bytes_max;
    plan.core_bytes += one.core_bytes;
    plan.core_lane_max = std::max({plan.core_lane_max, one.core_bytes, kCoreLaneMin});
    if (lane >= Lane::event) plan.messages_per_s += one.records_per_s;
    const double accepted = one.records_per_s * load_of(lane, input).kind.payload;
    plan.disk_bytes_per_s += std::max(accepted * kDiskBytes.value, one.bytes_per_s);
  }
  constexpr std::uint64_t kAhead =
      kLanes * (spool::kAllocateStepBytes + spool::kHeaderBytes + 2 * spool::kFooterBytesMax);
  plan.volume_need = plan.lane_bytes + kAhead + kCommandStoreBytes + kReserveBytes;
  plan.volume_gib = gib_for(static_cast<double>(plan.volume_need));
  plan.core_volume_gib = gib_for(static_cast<double>(kLanes * plan.core_lane_max + kReserveBytes));
  plan.edge_cores = plan.messages_per_s / kEdgeMessages.value / kCoreShare;
  plan.io_threads = std::max<std::uint64_t>(2, count(plan.messages_per_s / kGateMessages.value / kCoreShare));
  plan.link_bytes_per_s = plan.lanes[index_of(Lane::state)].records_per_s * input.values * kLinkBytesSlow.value;
  plan.recovery_s = static_cast<double>(plan.lane_bytes) / 10e9 * kRecoveryS.value;
  add_keys(plan);
  judge_bounds(plan);
  return plan;
}

}  // namespace wayside::cli
