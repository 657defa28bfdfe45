#include "bridge/core/dedupe.h"

#include <xxhash.h>

#include <algorithm>
#include <set>
#include <utility>

#include "bridge/core/wire.h"

namespace wayside::bridge::core {

bool RepeatWindow::contains(std::string_view vehicle, std::uint64_t id) const {
  const auto at = vehicles_.find(vehicle);
  return at != vehicles_.end() && std::find(at->second.ids.begin(), at->second.ids.end(), id) != at->second.ids.end();
}

void RepeatWindow::add(std::string_view vehicle, std::uint64_t id) {
  if (!enabled()) return;
  const auto at = vehicles_.find(vehicle);
  if (at == vehicles_.end()) {
    changes_.push_back({Change::Kind::new_vehicle, std::string(vehicle), {}});
    put(changes_.back().vehicle, {++uses_, {id}});
    return evict();
  }
  Seen& seen = at->second;
  changes_.push_back({Change::Kind::new_id, at->first, {seen.used, {}}});
  use(seen, ++uses_);
  if (seen.ids.size() >= options_.ids_per_vehicle) {
    changes_.back().was.ids.push_back(seen.ids.front());
    seen.ids.erase(seen.ids.begin());
    bytes_ -= sizeof(id);
  }
  seen.ids.push_back(id);
  bytes_ += sizeof(id);
  evict();
}

void RepeatWindow::use(Seen& seen, std::uint64_t at) {
  auto node = by_use_.extract(seen.used);
  node.key() = seen.used = at;
  by_use_.insert(std::move(node));
}

void RepeatWindow::put(const std::string& vehicle, Seen seen) {
  bytes_ += kVehicleBytes + vehicle.size() + seen.ids.size() * sizeof(std::uint64_t);
  by_use_.emplace(seen.used, vehicle);
  vehicles_.emplace(vehicle, std::move(seen));
}

void RepeatWindow::erase(std::string_view vehicle) {
  const auto at = vehicles_.find(vehicle);
  if (at == vehicles_.end()) return;
  bytes_ -= kVehicleBytes + vehicle.size() + at->second.ids.size() * sizeof(std::uint64_t);
  by_use_.erase(at->second.used);
  vehicles_.erase(at);
}

// The vehicle that was added to last stays, whatever the bounds.
void RepeatWindow::evict() {
  while (vehicles_.size() > 1 && (bytes_ > options_.bytes_max || vehicles_.size() > options_.vehicles_max)) {
    const std::string vehicle = by_use_.begin()->second;
    changes_.push_back({Change::Kind::evicted, vehicle, vehicles_.find(vehicle)->second});
    erase(vehicle);
    ++evicted_;
  }
}

void RepeatWindow::revert() {
  for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) take_back(*change);
  changes_.clear();
}

void RepeatWindow::take_back(Change& change) {
  if (change.kind == Change::Kind::new_vehicle) return erase(change.vehicle);
  if (change.kind == Change::Kind::evicted) return put(change.vehicle, std::move(change.was));
  Seen& seen = vehicles_.find(change.vehicle)->second;
  use(seen, change.was.used);
  seen.ids.pop_back();
  bytes_ -= sizeof(std::uint64_t);
  if (change.was.ids.empty()) return;
  seen.ids.insert(seen.ids.begin(), change.was.ids.front());
  bytes_ += sizeof(std::uint64_t);
}

std::vector<SeenVehicle> RepeatWindow::durable() const {
  if (!changes_.empty()) {
    RepeatWindow kept = *this;
    kept.revert();
    return kept.durable();
  }
  std::vector<SeenVehicle> out;
  out.reserve(by_use_.size());
  for (const auto& [used, vehicle] : by_use_) out.push_back({vehicle, vehicles_.find(vehicle)->second.ids});
  return out;
}

void RepeatWindow::restore(std::vector<SeenVehicle> vehicles) {
  WAYSIDE_ASSERT(vehicles_.empty());
  if (!enabled()) return;
  for (SeenVehicle& seen : vehicles) {
    auto& ids = seen.ids;
    if (ids.size() > options_.ids_per_vehicle) ids.erase(ids.begin(), ids.end() - options_.ids_per_vehicle);
    erase(seen.vehicle);
    put(seen.vehicle, {++uses_, std::move(ids)});
    evict();
  }
  keep();
}

std::optional<std::uint64_t> source_id(const batch::Delivered& record) {
  if (record.mid.empty() && record.sequence == 0) return std::nullopt;
  Bytes head;
  WireWriter out(head);
  out.text(record.topic, 4);
  if (!record.mid.empty()) {
    out.text(record.mid, 4);
    return XXH3_64bits(head.data(), head.size());
  }
  out.number(record.sequence, 8);
  return XXH3_64bits_withSeed(record.payload.data(), record.payload.size(), XXH3_64bits(head.data(), head.size()));
}

namespace {

const batch::Delivered* delivered_of(const CoreRecord& record) { return std::get_if<batch::Delivered>(&record.what); }

}  // namespace

void settle_repeats(const RepeatWindow& window, std::vector<CoreRecord>& batch) {
  if (!window.enabled()) return;
  std::set<std::pair<std::string_view, std::uint64_t>> earlier;
  for (CoreRecord& record : batch) {
    const batch::Delivered* delivered = delivered_of(record);
    if (delivered == nullptr) continue;
    const std::optional<std::uint64_t> id = source_id(*delivered);
    if (!id) continue;
    const bool repeats = window.contains(delivered->vehicle, *id) || !earlier.emplace(delivered->vehicle, *id).second;
    if (repeats) record.what = TombstoneRange{batch::Outcome::resent, {{delivered->cohort, record.count}}};
  }
}

void note_delivered(RepeatWindow& window, const std::vector<CoreRecord>& batch) {
  for (const CoreRecord& record : batch) {
    const batch::Delivered* delivered = delivered_of(record);
    if (delivered == nullptr) continue;
    if (const std::optional<std::uint64_t> id = source_id(*delivered)) window.add(delivered->vehicle, *id);
  }
}

}  // namespace wayside::bridge::core
