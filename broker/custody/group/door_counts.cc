#include "broker/custody/group/door_counts.h"

#include <sstream>

namespace wayside::broker {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::map<std::string, std::uint64_t> by_code(const std::vector<std::atomic<std::uint64_t>>& counts) {
  std::map<std::string, std::uint64_t> out;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::uint64_t count = counts[i].load(kRelaxed);
    if (count > 0) out.emplace(reason_at(i).code, count);
  }
  return out;
}

void write_reasons(std::ostringstream& out, const char* lane, const char* outcome,
                   const std::map<std::string, std::uint64_t>& counts) {
  for (const auto& [reason, count] : counts) out << lane << ' ' << outcome << ' ' << reason << ' ' << count << '\n';
}

}  // namespace

DoorCounts::DoorCounts() {
  for (Row& row : rows_) {
    row.refused = std::vector<Count>(reason_count());
    row.shed = std::vector<Count>(reason_count());
  }
}

void DoorCounts::offered(Lane lane, std::uint64_t count) { row(lane).offered.fetch_add(count, kRelaxed); }
void DoorCounts::committed(Lane lane, std::uint64_t count) { row(lane).committed.fetch_add(count, kRelaxed); }
void DoorCounts::refused(Lane lane, Reason reason) {
  row(lane).refused[static_cast<std::size_t>(reason)].fetch_add(1, kRelaxed);
}
void DoorCounts::shed(Lane lane, Reason reason) {
  row(lane).offered.fetch_add(1, kRelaxed);
  row(lane).shed[static_cast<std::size_t>(reason)].fetch_add(1, kRelaxed);
}

LaneDoor DoorCounts::lane(Lane lane) const {
  const Row& row = rows_[index_of(lane)];
  LaneDoor door;
  // Outcomes before `offered`: a reader then never sees more outcomes than offers.
  door.committed = row.committed.load(std::memory_order_acquire);
  door.refused = by_code(row.refused);
  door.shed = by_code(row.shed);
  door.offered = row.offered.load(std::memory_order_acquire);
  return door;
}

std::string DoorCounts::text() const {
  std::ostringstream out;
  for (const Lane id : kAllLanes) {
    const LaneDoor door = lane(id);
    const char* name = to_string(id);
    if (door.offered > 0) out << name << " offered " << door.offered << '\n';
    if (door.committed > 0) out << name << " committed " << door.committed << '\n';
    write_reasons(out, name, "refused", door.refused);
    write_reasons(out, name, "shed", door.shed);
  }
  return out.str();
}

bool DoorCounts::adopt_line(std::string_view line) {
  std::istringstream words{std::string(line)};
  std::string lane_name;
  std::string outcome;
  std::string code;
  std::uint64_t count = 0;
  Lane lane{};
  if (!(words >> lane_name >> outcome) || !parse_lane(lane_name, lane)) return false;
  const bool by_reason = outcome == "refused" || outcome == "shed";
  if (by_reason && !(words >> code)) return false;
  if (!(words >> count)) return false;
  Row& row = rows_[index_of(lane)];
  if (outcome == "offered") return row.offered.fetch_add(count, kRelaxed), true;
  if (outcome == "committed") return row.committed.fetch_add(count, kRelaxed), true;
  const std::optional<Reason> reason = parse_reason(code);
  if (!by_reason || !reason) return false;
  (outcome == "refused" ? row.refused : row.shed)[static_cast<std::size_t>(*reason)].fetch_add(count, kRelaxed);
  return true;
}

std::vector<std::string> DoorCounts::adopt(std::string_view text) {
  std::vector<std::string> skipped;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (!line.empty() && !adopt_line(line)) skipped.emplace_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return skipped;
}

std::uint64_t DoorCounts::forget_waiting() {
  std::uint64_t waiting = 0;
  for (const Lane id : kAllLanes) {
    const LaneDoor door = lane(id);
    std::uint64_t answered = door.committed;
    for (const auto& [reason, count] : door.refused) answered += count;
    for (const auto& [reason, count] : door.shed) answered += count;
    waiting += door.offered > answered ? door.offered - answered : 0;
    row(id).offered.store(answered, kRelaxed);
  }
  return waiting;
}

}  // namespace wayside::broker
