#include "fleet/ledger.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "common/metrics/samples.h"
#include "common/types.h"

namespace wayside::fleet {
namespace {

using Column = std::pair<const char*, std::uint64_t LaneLedger::*>;
constexpr Column kColumns[] = {{"received", &LaneLedger::received},   {"delivered", &LaneLedger::delivered},
                               {"compacted", &LaneLedger::compacted}, {"resent", &LaneLedger::resent},
                               {"expired", &LaneLedger::expired},     {"lost", &LaneLedger::lost},
                               {"pending", &LaneLedger::pending}};

std::uint64_t magnitude(std::int64_t value) { return static_cast<std::uint64_t>(std::llabs(value)); }

// Pending and received are the edge's alone; resent is a part of compacted.
constexpr Column kOutcomes[] = {{"delivered", &LaneLedger::delivered},
                                {"compacted", &LaneLedger::compacted},
                                {"expired", &LaneLedger::expired},
                                {"lost", &LaneLedger::lost}};

void compare_lanes(const LaneLedger& edge, const LaneLedger& core, std::vector<std::string>& differences) {
  const auto compare = [&](const char* name, std::uint64_t LaneLedger::* column) {
    if (edge.*column == core.*column) return;
    differences.push_back(
        fmt::format("lane {}: {} is {} at the edge and {} at the core", edge.lane, name, edge.*column, core.*column));
  };
  for (const auto& [name, column] : kOutcomes) compare(name, column);
  compare("resent", &LaneLedger::resent);
  compare("the checksum by cohort", &LaneLedger::cohorts);
}

}  // namespace

LedgerCheck check_ledgers(const VolumeLedger& edge, const VolumeLedger& core,
                          const std::map<std::string, std::uint64_t>& ids_by_lane, std::uint64_t resends_max) {
  LedgerCheck check;
  std::uint64_t resent = 0;
  for (const auto& lane : edge.lanes) {
    const auto ids = ids_by_lane.find(edge.uuid + "/" + lane.lane);
    LaneCheck one{lane, ids == ids_by_lane.end() ? 0 : ids->second, lane.residual(), 0};
    one.outside = static_cast<std::int64_t>(lane.delivered - one.in_sink);
    check.residual += magnitude(one.residual) + magnitude(one.outside);
    check.pending += lane.pending;
    check.lost += lane.lost;
    resent += lane.resent;
    if (one.residual != 0) {
      check.differences.push_back(fmt::format("lane {}: the columns do not add up by {}", lane.lane, one.residual));
    }
    if (one.outside != 0) {
      check.differences.push_back(
          fmt::format("lane {}: {} delivered, {} in the sink", lane.lane, lane.delivered, one.in_sink));
    }
    if (lane.resent > lane.compacted) check.differences.push_back("lane " + lane.lane + ": resent exceeds compacted");
    check.lanes.push_back(std::move(one));
  }
  if (resent > resends_max) {
    check.differences.push_back(fmt::format("{} resent, but the cars sent only {} again", resent, resends_max));
  }
  const auto unequal = compare_outcomes(edge, core);
  check.differences.insert(check.differences.end(), unequal.begin(), unequal.end());
  check.equal = unequal.empty();
  return check;
}

bool sink_holds_all(const VolumeLedger& edge, const std::map<std::string, std::uint64_t>& ids_by_lane) {
  return std::all_of(edge.lanes.begin(), edge.lanes.end(), [&](const LaneLedger& lane) {
    const auto ids = ids_by_lane.find(edge.uuid + "/" + lane.lane);
    return (ids == ids_by_lane.end() ? 0 : ids->second) >= lane.delivered;
  });
}

std::vector<std::string> compare_outcomes(const VolumeLedger& edge, const VolumeLedger& core) {
  if (edge.lanes.size() != core.lanes.size()) return {"edge and core speak of different lanes"};
  std::vector<std::string> differences;
  for (std::size_t i = 0; i < edge.lanes.size(); ++i) compare_lanes(edge.lanes[i], core.lanes[i], differences);
  return differences;
}

VolumeLedger core_ledger(const std::string& metrics_text, const std::string& edge, const std::string& uuid) {
  const auto samples = metrics::Samples::parse(metrics_text);
  VolumeLedger ledger;
  ledger.uuid = uuid;
  for (const auto lane : kAllLanes) {
    LaneLedger one;
    one.lane = to_string(lane);
    const metrics::SampleLabels labels = {{"edge", edge}, {"spool", uuid}, {"lane", one.lane}};
    for (const auto& [name, column] : kOutcomes) {
      auto with = labels;
      with["outcome"] = name;
      one.*column = static_cast<std::uint64_t>(samples.sum("wayside_ledger_records_total", with));
      one.received += one.*column;
    }
    const auto read = [&](const char* name) { return static_cast<std::uint64_t>(samples.sum(name, labels)); };
    one.resent = read("wayside_ledger_resent_records_total");
    one.cohorts = read("wayside_ledger_cohorts_checksum");
    ledger.lanes.push_back(one);
  }
  return ledger;
}

std::string ledger_text(const VolumeLedger& ledger) {
  std::string text =
      fmt::format("volume {}\n{:8} {:>10} = {:>10} + {:>10} + {:>8} + {:>8} + {:>8}   residual\n", ledger.uuid, "lane",
                  "received", "delivered", "compacted", "expired", "lost", "pending");
  for (const auto& lane : ledger.lanes) {
    const auto compacted = lane.resent == 0 ? fmt::format("{}", lane.compacted)
                                            : fmt::format("{} ({} resent)", lane.compacted, lane.resent);
    text += fmt::format("{:8} {:>10} = {:>10} + {:>10} + {:>8} + {:>8} + {:>8}   {}\n", lane.lane, lane.received,
                        lane.delivered, compacted, lane.expired, lane.lost, lane.pending, lane.residual());
  }
  if (!ledger.moved_from.empty()) text += fmt::format("goes on for {}\n", ledger.moved_from);
  for (const auto& lane : ledger.moved) {
    text += fmt::format("{:8} {:>10} = {:>10} common with the core + {:>10} moved{}\n", lane.lane, lane.received,
                        lane.common, lane.moved, lane.exact ? "" : ", of which it may have some");
  }
  return text;
}

std::string ledger_json(const VolumeLedger& ledger) {
  std::string lanes;
  for (const auto& lane : ledger.lanes) {
    lanes += fmt::format(R"({}{{"lane":"{}")", lanes.empty() ? "" : ",", lane.lane);
    for (const auto& [name, column] : kColumns) lanes += fmt::format(R"(,"{}":{})", name, lane.*column);
    lanes += fmt::format(R"(,"residual":{}}})", lane.residual());
  }
  std::string moved;
  for (const auto& lane : ledger.moved) {
    moved += fmt::format(R"({}{{"lane":"{}","received":{},"common":{},"moved":{},"exact":{}}})",
                         moved.empty() ? "" : ",", lane.lane, lane.received, lane.common, lane.moved, lane.exact);
  }
  if (!ledger.moved_from.empty()) {
    moved = fmt::format(R"(,"moved_from":{{"spool_uuid":"{}","lanes":[{}]}})", ledger.moved_from, moved);
  }
  return fmt::format(R"({{"spool_uuid":"{}","lanes":[{}]{}}})", ledger.uuid, lanes, moved);
}

}  // namespace wayside::fleet
