// Sizing: load and outages in, bytes, cores and configuration keys out. PURE: figures in, figures out.
//
//   record    = frame of the spool (24 bytes) + custody record, both as the formats have them
//   lane/s    = records/s * record + min(records/s, 1 / commit_p50) * (group header + cohorts + a sector less one)
//   lane      = lane/s * hours away / 0.9 (high mark), scaled by what headers and footers of segments take,
//               and two segments more (one is written while another waits to be let go)
//   volume    = what the broker's own check wants of the lanes, ahead of them, for commands and in reserve, / 0.93
//   (ext4) core log  = the same of core records (docs/spool-format.md), of all edges, for the hours a sink may be away
//   cores     = messages/s / edge_messages_per_cpu_s / 0.5: half of a core stays for storms and drains
//   link      = messages/s * values * link_bytes_per_value
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "common/types.h"

namespace wayside::cli {

struct SizeInput {
  double vehicles = 0;
  double edges = 1;            // that share the vehicles evenly
  double messages_per_s = 1;   // of a vehicle: state
  double message_bytes = 256;  // payload
  double values = 26;          // of a message
  double events_per_h = 1;     // of a vehicle
  double event_bytes = 256;
  double bulk_per_h = 0;
  double bulk_bytes = 4096;
  double connects_per_h = 2;
  double commands_per_h = 0.1;
  double qos2_percent = 0;       // of messages
  double core_away_h = 24;       // that must fit the edge
  double sink_away_h = 24;       // that must fit the core log
  double compacted_percent = 0;  // of state records, by rules: they do not reach the core log
  double cohorts = 4;
};

struct LanePlan {
  Lane lane{};
  double records_per_s = 0;
  double record_bytes = 0;  // framed
  double bytes_per_s = 0;   // of the files, at most
  std::uint64_t bytes_max = 0;
  double core_bytes_per_s = 0;  // of all edges
  std::uint64_t core_bytes = 0;
};

struct SizePlan {
  SizeInput input;
  double vehicles_per_edge = 0;
  double messages_per_s = 0;  // of an edge, all lanes that vehicles publish to
  std::array<LanePlan, kLanes> lanes;
  std::uint64_t lane_bytes = 0;     // of all lanes of an edge
  std::uint64_t volume_need = 0;    // as the broker's check counts
  std::uint64_t volume_gib = 0;     // of an edge
  std::uint64_t core_lane_max = 0;  // core.log_lane_bytes_max, one bound for all lanes
  std::uint64_t core_bytes = 0;     // what is expected of all of them
  std::uint64_t core_volume_gib = 0;
  double edge_cores = 0;
  std::uint64_t io_threads = 0;
  double disk_bytes_per_s = 0;
  double link_bytes_per_s = 0;
  double recovery_s = 0;
  std::vector<std::pair<std::string, std::uint64_t>> broker_keys;  // beside the lanes', where a default is too low
  std::vector<std::pair<std::string, std::uint64_t>> core_keys;
  std::vector<std::string> notes;
  std::vector<std::string> beyond;  // bounds of one edge or core that it does not fit; empty: it fits
};

SizePlan size_plan(const SizeInput& input);

std::string size_text(const SizePlan& plan);
// One object; members are only added.
std::string size_json(const SizePlan& plan);
// Configuration to paste: of wayside-broker, of wayside-bridge core, and the chart's values of an edge.
std::string broker_toml(const SizePlan& plan);
std::string core_toml(const SizePlan& plan);
std::string edge_values(const SizePlan& plan);

}  // namespace wayside::cli
