// Says how large an edge and its core must be for a fleet, and what to configure.
#include <cmath>
#include <cstdio>

#include "cli/commands.h"
#include "cli/size/plan.h"

namespace wayside::cli {
namespace {

struct Bound {
  const char* option;
  double value;
  double min;
  double max;
};

// Of what no table of options checks: numbers with a fraction.
std::string out_of_bounds(const SizeInput& in) {
  const Bound bounds[] = {{"--vehicles", in.vehicles, 1, 1e9},
                          {"--edges", in.edges, 1, 256},
                          {"--messages-per-s", in.messages_per_s, 0, 1e5},
                          {"--message-bytes", in.message_bytes, 1, 1'000'000},
                          {"--values", in.values, 0, 1e5},
                          {"--events-per-h", in.events_per_h, 0, 1e7},
                          {"--event-bytes", in.event_bytes, 1, 1'000'000},
                          {"--bulk-per-h", in.bulk_per_h, 0, 1e7},
                          {"--bulk-bytes", in.bulk_bytes, 1, 1'000'000},
                          {"--connects-per-h", in.connects_per_h, 0, 1e5},
                          {"--commands-per-h", in.commands_per_h, 0, 1e5},
                          {"--qos2-percent", in.qos2_percent, 0, 100},
                          {"--core-away-h", in.core_away_h, 0, 8'760},
                          {"--sink-away-h", in.sink_away_h, 0, 8'760},
                          {"--compacted-percent", in.compacted_percent, 0, 100},
                          {"--cohorts", in.cohorts, 1, 256}};
  for (const Bound& bound : bounds) {
    if (std::isfinite(bound.value) && bound.value >= bound.min && bound.value <= bound.max) continue;
    char text[96];
    std::snprintf(text, sizeof text, "%s: a number from %.9g to %.9g", bound.option, bound.min, bound.max);
    return text;
  }
  return "";
}

}  // namespace

int run_size(const Args& args) {
  SizeInput in;
  bool json = false;
  const Spec spec{
      "wayside size",
      "Says how large an edge and its core must be for a fleet: lanes and volume, core log, cores, link, and the keys "
      "and values to paste. Every measured figure is named with its source; what was never measured is named too. Exit "
      "0 it fits, 1 it is beyond the bounds of so many edges.",
      {{"--vehicles", &in.vehicles, "vehicles of the fleet", true},
       {"--edges", &in.edges, "edges that share them evenly"},
       {"--messages-per-s", &in.messages_per_s, "state messages a second of one vehicle"},
       {"--message-bytes", &in.message_bytes, "payload of one"},
       {"--values", &in.values, "signal values in one, for the link"},
       {"--events-per-h", &in.events_per_h, "events an hour of one vehicle"},
       {"--event-bytes", &in.event_bytes, "payload of one"},
       {"--bulk-per-h", &in.bulk_per_h, "bulk messages an hour of one vehicle"},
       {"--bulk-bytes", &in.bulk_bytes, "payload of one"},
       {"--connects-per-h", &in.connects_per_h, "connections an hour of one vehicle: presence records"},
       {"--commands-per-h", &in.commands_per_h, "commands an hour to one vehicle"},
       {"--qos2-percent", &in.qos2_percent, "of messages that are QoS 2"},
       {"--core-away-h", &in.core_away_h, "hours without the core that an edge must hold below its high marks"},
       {"--sink-away-h", &in.sink_away_h, "hours without a sink that the core log must hold"},
       {"--compacted-percent", &in.compacted_percent, "of state records that rules compact before the core"},
       {"--cohorts", &in.cohorts, "cohorts that publish at one time"},
       {"--json", &json, "one JSON object instead of text"}},
      "The formula is in docs/sizing.md. With --edges N bytes and cores of the edge are those of each."};
  if (const auto exit = parse(spec, args)) return *exit;
  if (const std::string problem = out_of_bounds(in); !problem.empty()) return fail(kUsage, problem);
  const SizePlan plan = size_plan(in);
  std::printf("%s", json ? (size_json(plan) + "\n").c_str() : size_text(plan).c_str());
  return plan.beyond.empty() ? kYes : kNo;
}

}  // namespace wayside::cli
