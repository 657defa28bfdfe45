#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/size/figures.h"
#include "cli/size/plan.h"

namespace wayside::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string bytes_said(double bytes) {
  const char* unit = "B";
  for (const char* next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (bytes < 1024) break;
    bytes /= 1024;
    unit = next;
  }
  return fmt::format("{:.{}f} {}", bytes, bytes < 10 ? 1 : 0, unit);
}

std::string lane_key(Lane lane) { return std::string("lane_") + to_string(lane) + "_bytes_max"; }

// "section.key" of several sections as TOML, or as a YAML tree with `indent`.
std::string keys_of(const std::vector<std::pair<std::string, std::uint64_t>>& keys, const std::string& indent,
                    bool yaml) {
  std::string out;
  std::string open;
  for (const auto& [key, value] : keys) {
    const std::string section = key.substr(0, key.find('.'));
    const std::string name = key.substr(section.size() + 1);
    if (section != open) out += yaml ? indent + section + ":\n" : (out.empty() ? "[" : "\n[") + section + "]\n";
    open = section;
    out += yaml ? fmt::format("{}  {}: {}\n", indent, name, value) : fmt::format("{} = {}\n", name, value);
  }
  return out;
}

std::vector<std::pair<std::string, std::uint64_t>> broker_keys(const SizePlan& plan) {
  std::vector<std::pair<std::string, std::uint64_t>> keys;
  keys.reserve(kLanes + plan.broker_keys.size());
  for (const LanePlan& lane : plan.lanes) keys.emplace_back("custody." + lane_key(lane.lane), lane.bytes_max);
  keys.insert(keys.end(), plan.broker_keys.begin(), plan.broker_keys.end());
  return keys;
}

std::vector<std::pair<std::string, std::uint64_t>> core_keys(const SizePlan& plan) {
  std::vector<std::pair<std::string, std::uint64_t>> keys{{"core.log_lane_bytes_max", plan.core_lane_max}};
  keys.insert(keys.end(), plan.core_keys.begin(), plan.core_keys.end());
  return keys;
}

std::string load_lines(const SizePlan& plan) {
  const SizeInput& in = plan.input;
  std::string out = fmt::format(
      "LOAD     {:.0f} vehicles on {:.0f} edge{}: {:.0f} messages/s an edge; the core may be away {:g} h, a sink {:g} "
      "h\n",
      in.vehicles, in.edges, in.edges > 1 ? "s" : "", plan.messages_per_s, in.core_away_h, in.sink_away_h);
  out += "LANES    lane      records/s   bytes a record      bytes/s   lane of an edge   core log of all\n";
  for (const LanePlan& lane : plan.lanes) {
    out +=
        fmt::format("         {:8} {:>10.1f} {:>16.0f} {:>12} {:>17} {:>17}\n", to_string(lane.lane),
                    lane.records_per_s, lane.record_bytes, bytes_said(lane.bytes_per_s),
                    bytes_said(static_cast<double>(lane.bytes_max)), bytes_said(static_cast<double>(lane.core_bytes)));
  }
  return out;
}

std::string machine_lines(const SizePlan& plan) {
  std::string out =
      fmt::format("EDGE     volume {} GiB; {:.2f} cores at half load for broker and bridge, {} I/O threads\n",
                  plan.volume_gib, plan.edge_cores, plan.io_threads);
  out += fmt::format("         disk {}/s written at most; link {}/s; recovery of full lanes after a crash {:.1f} s\n",
                     bytes_said(plan.disk_bytes_per_s), bytes_said(plan.link_bytes_per_s), plan.recovery_s);
  out +=
      fmt::format("CORE     volume {} GiB (one bound for all five lanes; {} of it are expected when a sink is away)\n",
                  plan.core_volume_gib, bytes_said(static_cast<double>(plan.core_bytes)));
  return out;
}

std::string figure_lines() {
  std::string out = "FIGURES  measured elsewhere, so measure yours:\n";
  for (const Figure& figure : kFigures) {
    out += fmt::format("         {} = {:g} {} ({}, {}: {})\n", figure.name, figure.value, figure.unit, figure.command,
                       figure.date, figure.of);
  }
  out += "UNKNOWN  not measured, and not in these figures:\n";
  for (const std::string_view unknown : kNotMeasured) out += fmt::format("         {}\n", unknown);
  return out;
}

Json lane_json(const LanePlan& lane) {
  return {{"lane", to_string(lane.lane)},      {"records_per_s", lane.records_per_s},
          {"record_bytes", lane.record_bytes}, {"bytes_per_s", lane.bytes_per_s},
          {"bytes_max", lane.bytes_max},       {"core_bytes_per_s", lane.core_bytes_per_s},
          {"core_bytes", lane.core_bytes}};
}

Json input_json(const SizeInput& in) {
  return {{"vehicles", in.vehicles},
          {"edges", in.edges},
          {"messages_per_s", in.messages_per_s},
          {"message_bytes", in.message_bytes},
          {"values", in.values},
          {"events_per_h", in.events_per_h},
          {"event_bytes", in.event_bytes},
          {"bulk_per_h", in.bulk_per_h},
          {"bulk_bytes", in.bulk_bytes},
          {"connects_per_h", in.connects_per_h},
          {"commands_per_h", in.commands_per_h},
          {"qos2_percent", in.qos2_percent},
          {"core_away_h", in.core_away_h},
          {"sink_away_h", in.sink_away_h},
          {"compacted_percent", in.compacted_percent},
          {"cohorts", in.cohorts}};
}

Json keys_json(const std::vector<std::pair<std::string, std::uint64_t>>& keys) {
  Json out = Json::object();
  for (const auto& [key, value] : keys) out[key] = value;
  return out;
}

}  // namespace

std::string broker_toml(const SizePlan& plan) { return keys_of(broker_keys(plan), "", false); }
std::string core_toml(const SizePlan& plan) { return keys_of(core_keys(plan), "", false); }

std::string edge_values(const SizePlan& plan) {
  return fmt::format("persistence:\n  size: {}Gi\nbroker:\n  config:\n{}", plan.volume_gib,
                     keys_of(broker_keys(plan), "    ", true));
}

std::string size_text(const SizePlan& plan) {
  std::string out = load_lines(plan) + machine_lines(plan);
  for (const std::string& note : plan.notes) out += "NOTE     " + note + "\n";
  for (const std::string& beyond : plan.beyond) out += "BEYOND   " + beyond + "\n";
  out += figure_lines();
  if (!plan.beyond.empty()) return out;
  out += "\n# wayside-broker of an edge\n" + broker_toml(plan);
  out += "\n# wayside-bridge core\n" + core_toml(plan);
  out += "\n# values of the chart, role edge\n" + edge_values(plan);
  out += fmt::format("# role core\npersistence:\n  size: {}Gi\nbridge:\n  config:\n{}", plan.core_volume_gib,
                     keys_of(core_keys(plan), "    ", true));
  return out;
}

std::string size_json(const SizePlan& plan) {
  Json lanes = Json::array();
  for (const LanePlan& lane : plan.lanes) lanes.push_back(lane_json(lane));
  Json figures = Json::array();
  for (const Figure& figure : kFigures) {
    figures.push_back({{"name", figure.name},
                       {"value", figure.value},
                       {"unit", figure.unit},
                       {"command", figure.command},
                       {"date", figure.date},
                       {"of", figure.of}});
  }
  const Json json{{"fits", plan.beyond.empty()},
                  {"beyond", plan.beyond},
                  {"notes", plan.notes},
                  {"input", input_json(plan.input)},
                  {"vehicles_per_edge", plan.vehicles_per_edge},
                  {"messages_per_s", plan.messages_per_s},
                  {"lanes", std::move(lanes)},
                  {"lane_bytes", plan.lane_bytes},
                  {"volume_need_bytes", plan.volume_need},
                  {"volume_gib", plan.volume_gib},
                  {"core_log_lane_bytes_max", plan.core_lane_max},
                  {"core_log_bytes", plan.core_bytes},
                  {"core_volume_gib", plan.core_volume_gib},
                  {"edge_cores", plan.edge_cores},
                  {"io_threads", plan.io_threads},
                  {"disk_bytes_per_s", plan.disk_bytes_per_s},
                  {"link_bytes_per_s", plan.link_bytes_per_s},
                  {"recovery_s", plan.recovery_s},
                  {"broker_config", keys_json(broker_keys(plan))},
                  {"core_config", keys_json(core_keys(plan))},
                  {"figures", std::move(figures)},
                  {"not_measured", kNotMeasured}};
  return json.dump();
}

}  // namespace wayside::cli
