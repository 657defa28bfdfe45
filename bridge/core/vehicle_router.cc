#include "bridge/core/vehicle_router.h"

#include <algorithm>

namespace wayside::bridge::core {

std::optional<std::string> VehicleRouter::edge_of(const std::string& vehicle, const std::string& region) const {
  const std::string* place = places_.edge_of(vehicle);
  const std::string* only = nullptr;
  std::size_t edges = 0;
  for (const EdgeName& edge : edges_) {
    if (edge.region != region) continue;
    if (place != nullptr && edge.name == *place) return edge.name;
    only = &edge.name;
    ++edges;
  }
  if (edges != 1) return std::nullopt;
  return *only;
}

bool VehicleRouter::serves_region(const std::string& region) const {
  return std::any_of(edges_.begin(), edges_.end(), [&](const EdgeName& edge) { return edge.region == region; });
}

}  // namespace wayside::bridge::core
