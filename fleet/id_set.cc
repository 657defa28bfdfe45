#include "fleet/id_set.h"

#include <charconv>
#include <iterator>

namespace wayside::fleet {

IdSet::Seen IdSet::insert(std::string_view id) {
  const std::size_t slash = id.rfind('/');
  if (slash == std::string_view::npos) return Seen::malformed;
  const std::string_view lane = id.substr(0, slash);
  std::uint64_t offset = 0;
  const auto [end, error] = std::from_chars(id.data() + slash + 1, id.data() + id.size(), offset);
  if (error != std::errc() || end != id.data() + id.size()) return Seen::malformed;
  auto runs = lanes_.find(lane);
  if (runs == lanes_.end()) runs = lanes_.emplace(std::string(lane), Runs()).first;
  if (!insert(runs->second, offset)) return Seen::again;
  ++counts_[runs->first];
  return Seen::first;
}

// Neighbours become one run.
bool IdSet::insert(Runs& runs, std::uint64_t offset) {
  auto after = runs.upper_bound(offset);
  const auto before = after == runs.begin() ? runs.end() : std::prev(after);
  if (before != runs.end() && offset <= before->second) return false;
  const bool joins_before = before != runs.end() && before->second + 1 == offset;
  const bool joins_after = after != runs.end() && offset + 1 == after->first;
  const std::uint64_t last = joins_after ? after->second : offset;
  if (joins_after) runs.erase(after);
  if (joins_before) {
    before->second = last;
  } else {
    runs.emplace(offset, last);
  }
  return true;
}

std::size_t IdSet::runs() const {
  std::size_t count = 0;
  for (const auto& [lane, runs] : lanes_) count += runs.size();
  return count;
}

}  // namespace wayside::fleet
