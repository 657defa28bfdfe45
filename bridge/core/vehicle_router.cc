#include "bridge/core/vehicle_router.h"

#include <algorithm>

#include "schemas/messages.h"

namespace wayside::bridge::core {

void VehicleRouter::on_presence(const std::string& edge, ByteView payload) {
  const Outcome<schemas::PresenceMessage> presence = schemas::parse_presence(payload);
  if (!presence || !presence.value().online) return;
  const auto at = at_.find(presence.value().vehicle);
  if (at == at_.end()) {
    if (at_.size() < vehicles_max_) at_.emplace(presence.value().vehicle, Place{edge, presence.value().epoch});
    return;
  }
  if (presence.value().epoch >= at->second.epoch) at->second = {edge, presence.value().epoch};
}

std::optional<std::string> VehicleRouter::edge_of(const std::string& vehicle, const std::string& region) const {
  if (const auto at = at_.find(vehicle); at != at_.end()) return at->second.edge;
  const std::string* only = nullptr;
  for (const EdgeName& edge : edges_) {
    if (edge.region != region) continue;
    if (only != nullptr) return std::nullopt;
    only = &edge.name;
  }
  if (only == nullptr) return std::nullopt;
  return *only;
}

bool VehicleRouter::serves_region(const std::string& region) const {
  return std::any_of(edges_.begin(), edges_.end(), [&](const EdgeName& edge) { return edge.region == region; });
}

}  // namespace wayside::bridge::core
