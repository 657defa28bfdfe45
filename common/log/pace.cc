#include "common/log/pace.h"

#include <algorithm>
#include <utility>

namespace wayside::log {

std::optional<std::uint64_t> Pace::happened(const std::string& thing) {
  const MonoMs now = clock_.mono();
  const auto known = said_.find(thing);
  if (known == said_.end()) {
    make_room();
    said_.emplace(thing, Said{now, 0});
    return 1;
  }
  Said& said = known->second;
  ++said.since;
  if (now - said.at < kSayMs) return std::nullopt;
  said.at = now;
  return std::exchange(said.since, 0);
}

void Pace::make_room() {
  if (said_.size() < kThingsMax) return;
  said_.erase(std::min_element(said_.begin(), said_.end(),
                               [](const auto& one, const auto& other) { return one.second.at < other.second.at; }));
}

}  // namespace wayside::log
