#include "tests/simulation/account.h"

#include <algorithm>
#include <utility>

#include "tests/simulation/sink_view.h"

namespace wayside::test {
namespace {

const spool::Standing& settled_of(const World& world, Lane lane) {
  return world.edge->settlements[index_of(lane)]->standing();
}
const spool::Standing& durable_of(const World& world, Lane lane) {
  return world.core->log->durable().of(world.spool_uuid, lane);
}

// The volume may be behind the core until it goes on under another uuid: an old copy, or a tail that rot and power loss
// together took.
bool may_be_behind(const World& world, const Expected& expected, Lane lane) {
  return (expected.restored && world.past.empty()) || world.tail_unknown[index_of(lane)] > 0;
}

std::string equal_ledgers(const spool::Standing& edge, const spool::Standing& core) {
  if (edge.digest != core.digest) return "the ends stand apart";
  if (edge.totals != core.totals || edge.cohorts != core.cohorts) return "ledgers differ";
  if (edge.totals.sum() != edge.next.value) return "totals do not add up to the offset";
  spool::Totals by_cohort;
  for (const auto& [cohort, totals] : edge.cohorts) by_cohort += totals;
  if (by_cohort != edge.totals) return "cohorts do not add up to the lane";
  return {};
}

std::string check_broker(const World& world, Lane lane) {
  const spool::LaneWriter& writer = *world.broker->writers[index_of(lane)];
  if (writer.synced() > writer.appended()) return "synced above appended";
  if (writer.synced() != world.committed[index_of(lane)]) return "synced is not what was committed";
  // A damaged file stays as long as it is.
  const bool damaged = world.rotted[index_of(lane)];
  if (!damaged && writer.bytes() > world.sizes.edge_lane_bytes_max) return "holds more than its bound";
  return {};
}

std::string check_edge(const World& world, Lane lane) {
  return settled_of(world, lane).next > world.committed[index_of(lane)] ? "settled above synced" : "";
}

std::string check_core(const World& world, Lane lane, Watch& watch) {
  if (watch.uuid != world.spool_uuid) watch.core_next = {};
  watch.uuid = world.spool_uuid;
  const Offset next = durable_of(world, lane).next;
  Offset& before = watch.core_next[index_of(lane)];
  if (next < before) return "the core went back";
  before = next;
  const Offset done = world.core->sink->done(lane);
  if (done < std::exchange(watch.sink_done[index_of(lane)], done)) return "the sink went back";
  if (done > world.core->log->synced(lane)) return "the sink is past the core log";
  const bool damaged = std::any_of(world.core_rot.begin(), world.core_rot.end(),
                                   [&](const auto& spool) { return !spool.second[index_of(lane)].empty(); });
  if (!damaged && world.core->log->bytes(lane) > world.sizes.core_lane_bytes_max) return "the core log is too large";
  return {};
}

std::string check_ends(const World& world, Lane lane) {
  const spool::Standing& settled = settled_of(world, lane);
  const spool::Standing& durable = durable_of(world, lane);
  if (settled.next > durable.next) return "settled above the core's next";
  if (durable.next > world.committed[index_of(lane)]) return "core's next above synced";
  if (settled.next != durable.next) return {};
  // A core that read its damaged log counts lost what it had counted delivered; its next NEXT tells the edge.
  if (!world.core_rotted(world.spool_uuid, lane).empty()) {
    return settled.digest == durable.digest ? std::string() : std::string("the ends stand apart");
  }
  return equal_ledgers(settled, durable);
}

std::string check_bounds(const World& world) {
  constexpr std::uint64_t kMessageBytes = 80U << 10U;  // of one batch as this world sends them
  std::uint64_t in_flight = 0;
  for (const Lane lane : kAllLanes) {
    bridge::edge::LaneSender& sender = world.edge->link->lane(lane);
    if (sender.in_flight() > world.edge_options.inflight_batches_max) return "too many batches in flight";
    in_flight += sender.in_flight_bytes();
  }
  if (in_flight > 2 * world.edge_options.inflight_bytes_max + kLanes * kMessageBytes) return "too much in flight";
  if (world.edge->link->down_pending() > world.edge_options.down_pending_max) return "too many requests pending";
  return {};
}

std::string check_lane(const World& world, const Expected& expected, Lane lane, Watch& watch) {
  std::string problem;
  if (world.broker) problem = check_broker(world, lane);
  if (problem.empty() && world.core) problem = check_core(world, lane, watch);
  if (problem.empty() && world.edge && !may_be_behind(world, expected, lane)) problem = check_edge(world, lane);
  if (problem.empty() && world.core && world.edge && !may_be_behind(world, expected, lane))
    problem = check_ends(world, lane);
  return problem;
}

// ---- at the end

std::string compare_ends(const World& world, const Expected& expected, Lane lane) {
  const spool::Standing& edge = settled_of(world, lane);
  if (edge.next != world.committed[index_of(lane)]) return "not settled to its head";
  if (edge.next != durable_of(world, lane).next) return "the ends stand apart";
  if (std::string problem = equal_ledgers(edge, durable_of(world, lane)); !problem.empty()) return problem;
  const std::uint64_t lost_max = (world.rotted[index_of(lane)] ? expected.lost_max[index_of(lane)] : 0) +
                                 world.core_rotted(world.spool_uuid, lane).size();
  if (edge.totals.lost > lost_max) {
    return std::to_string(edge.totals.lost) + " lost where " + std::to_string(lost_max) + " can be";
  }
  return {};
}

bool holds(const std::vector<Bytes>& journal, std::uint64_t offset, std::uint64_t sequence) {
  return offset < journal.size() && sequence_of(journal[offset]) == sequence;
}

using Delivered = std::map<std::uint64_t, std::uint64_t>;

// As many in the sink as the core says it delivered.
std::string compare_counts(const World& world, const SpoolUuid& uuid, Lane lane, const Delivered& delivered) {
  const spool::Totals& totals = world.core->log->durable().of(uuid, lane).totals;
  if (delivered.size() == totals.delivered) return {};
  // Damaged before the sink read it: missing there, and delivered for a core that has not read its log since. Damaged
  // after: in the sink, and lost for a core that has.
  const std::set<std::uint64_t> rotted = world.core_rotted(uuid, lane);
  std::uint64_t sunk = 0;
  for (const std::uint64_t offset : rotted) sunk += delivered.contains(offset) ? 1 : 0;
  const std::uint64_t unsunk = rotted.size() - sunk;
  if (delivered.size() + unsunk >= totals.delivered && delivered.size() <= totals.delivered + sunk) return {};
  return std::to_string(delivered.size()) + " in the file sink, " + std::to_string(totals.delivered) + " delivered";
}

// Every delivered offset holds what was committed there; the rest is accounted for by the ledger.
std::string compare_content(const World& world, Lane lane, const Delivered& delivered) {
  for (const auto& [offset, sequence] : delivered) {
    if (!holds(world.journal[index_of(lane)], offset, sequence)) {
      return "offset " + std::to_string(offset) + " holds what was not committed there";
    }
  }
  return compare_counts(world, world.spool_uuid, lane, delivered);
}

bool was_cut(const Past& past, Lane lane, std::uint64_t offset, std::uint64_t sequence) {
  const auto cut = past.cut_tail[index_of(lane)].find(offset);
  return cut != past.cut_tail[index_of(lane)].end() &&
         std::any_of(cut->second.begin(), cut->second.end(),
                     [&](const Bytes& body) { return sequence_of(body) == sequence; });
}

// A spool that went on under another uuid: below `common` the core has what the broker moved from, above it only the
// time line that ended. Nothing of it is twice in the sink, unless it was said that this may be.
std::string compare_past(const World& world, const Expected& expected, const Past& past, Lane lane,
                         const Delivered& delivered, const std::set<std::uint64_t>& elsewhere) {
  const spool::LaneEnd& end = past.moved.lanes[index_of(lane)].end;
  const std::string of = " of " + to_string(past.uuid);
  if (world.core->log->durable().of(past.uuid, lane).next != end.core_next) return "went on after its end" + of;
  for (const auto& [offset, sequence] : delivered) {
    const std::string at = "offset " + std::to_string(offset) + of;
    const bool common = holds(past.journal[index_of(lane)], offset, sequence);
    const bool ended =
        holds(expected.before_restore[index_of(lane)], offset, sequence) || was_cut(past, lane, offset, sequence);
    if (Offset{offset} < end.common && !common) return at + " is taken for common, and the core has another";
    if (!common && !ended) return at + " holds what was not committed there";
    if (end.exact && elsewhere.contains(sequence)) return at + " is twice in the file sink";
  }
  return compare_counts(world, past.uuid, lane, delivered);
}

std::string compare_pasts(const World& world, const Expected& expected, Lane lane, const SinkView& sink) {
  std::set<std::uint64_t> elsewhere;
  for (const auto& [offset, sequence] : sink.of(world.spool_uuid, lane)) elsewhere.insert(sequence);
  for (auto past = world.past.rbegin(); past != world.past.rend(); ++past) {
    const Delivered& delivered = sink.of(past->uuid, lane);
    std::string problem = compare_past(world, expected, *past, lane, delivered, elsewhere);
    if (!problem.empty()) return problem;
    for (const auto& [offset, sequence] : delivered) elsewhere.insert(sequence);
  }
  return {};
}

}  // namespace

bool forked_was_said(const World& world, Lane lane) {
  for (const auto& alarm : world.edge_alarms) {
    if (alarm.lane == lane && alarm.reason == Reason::FORKED) return true;
  }
  return false;
}

std::string check_step(World& world, const Expected& expected, Watch& watch) {
  if (!world.broken.empty()) return world.broken;
  for (const Lane lane : kAllLanes) {
    std::string problem = check_lane(world, expected, lane, watch);
    if (!problem.empty()) return std::string(to_string(lane)) + ": " + problem;
  }
  return world.edge ? check_bounds(world) : std::string();
}

std::string check_end(World& world, const Expected& expected) {
  const SinkView sink = read_sink(world);
  if (!sink.problem.empty()) return sink.problem;
  bool said = world.past.empty();
  for (const Lane lane : kAllLanes) {
    std::string problem = compare_ends(world, expected, lane);
    if (problem.empty()) problem = compare_content(world, lane, sink.of(world.spool_uuid, lane));
    if (problem.empty()) problem = compare_pasts(world, expected, lane, sink);
    if (!problem.empty()) return std::string(to_string(lane)) + ": " + problem;
    said = said || forked_was_said(world, lane);
  }
  if (!said) return "a spool moved and no alarm said FORKED";
  return check_core_log(world);
}

}  // namespace wayside::test
