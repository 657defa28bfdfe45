#include "bridge/core/standings.h"

#include <algorithm>

namespace wayside::bridge::core {
namespace {

void add(spool::Totals& totals, batch::Outcome outcome, std::uint64_t count) {
  switch (outcome) {
    case batch::Outcome::deliver: totals.delivered += count; return;
    case batch::Outcome::resent: totals.resent += count; [[fallthrough]];
    case batch::Outcome::compacted: totals.compacted += count; return;
    case batch::Outcome::expired: totals.expired += count; return;
    case batch::Outcome::lost: totals.lost += count; return;
  }
}

void add_cohort(spool::CohortTotals& cohorts, std::string_view name, batch::Outcome outcome, std::uint64_t count) {
  std::string key(name.empty() ? kOtherCohort : name);
  if (!cohorts.contains(key) && cohorts.size() >= kCohortsMax) key = kOtherCohort;
  add(cohorts[key], outcome, count);
}

void account(spool::Standing& standing, const CoreRecord& record) {
  if (const auto* delivered = std::get_if<batch::Delivered>(&record.what)) {
    add(standing.totals, batch::Outcome::deliver, record.count);
    add_cohort(standing.cohorts, delivered->cohort, batch::Outcome::deliver, record.count);
    return;
  }
  const auto& range = std::get<TombstoneRange>(record.what);
  add(standing.totals, range.outcome, record.count);
  std::uint64_t left = record.count;
  for (const auto& [cohort, claimed] : range.cohorts) {
    const std::uint64_t count = std::min(claimed, left);
    if (count > 0) add_cohort(standing.cohorts, cohort, range.outcome, count);
    left -= count;
  }
  if (left > 0) add_cohort(standing.cohorts, kOtherCohort, range.outcome, left);
}

}  // namespace

ApplyOutcome Standings::apply(const std::vector<CoreRecord>& batch) {
  WAYSIDE_ASSERT(!batch.empty());
  spool::Standing& standing = lanes_[{batch.front().uuid, batch.front().lane}];
  const Offset end = batch.back().first + batch.back().count;
  if (end <= standing.next) return ApplyOutcome::old;
  ApplyOutcome outcome = ApplyOutcome::applied;
  for (const CoreRecord& record : batch) {
    if (record.first < standing.next) continue;
    if (record.first > standing.next) {  // before the batch or inside it: what stood there is damaged
      const std::uint64_t missing = record.first - standing.next;
      add(standing.totals, batch::Outcome::lost, missing);
      add_cohort(standing.cohorts, kOtherCohort, batch::Outcome::lost, missing);
      outcome = ApplyOutcome::gap;
    }
    account(standing, record);
    standing.next = record.first + record.count;
  }
  standing.digest = batch.back().after;
  WAYSIDE_ASSERT(standing.totals.sum() == standing.next.value);
  return outcome;
}

const spool::Standing& Standings::of(const SpoolUuid& uuid, Lane lane) const {
  static const spool::Standing kZero;
  const auto at = lanes_.find({uuid, lane});
  return at == lanes_.end() ? kZero : at->second;
}

void Standings::put(const SpoolUuid& uuid, Lane lane, spool::Standing standing) {
  lanes_[{uuid, lane}] = std::move(standing);
}

bool Standings::bind(const SpoolUuid& uuid, const std::string& edge, bool* is_new) {
  const auto [at, added] = edges_.emplace(uuid, edge);
  if (is_new != nullptr) *is_new = added;
  return at->second == edge;
}

}  // namespace wayside::bridge::core
