#include "bridge/core/vehicle_places.h"

#include <algorithm>

#include "schemas/messages.h"

namespace wayside::bridge::core {

bool is_presence(std::string_view topic) {
  return topic.starts_with("v1/") && topic.ends_with("/presence") && std::count(topic.begin(), topic.end(), '/') == 2;
}

void VehiclePlaces::note(const std::string& edge, ByteView presence) {
  const Outcome<schemas::PresenceMessage> message = schemas::parse_presence(presence);
  if (message && message.value().online) put(message.value().vehicle, edge, message.value().epoch);
}

void VehiclePlaces::put(const std::string& vehicle, const std::string& edge, std::uint64_t epoch) {
  auto at = at_.lower_bound(vehicle);
  const bool known = at != at_.end() && at->first == vehicle;
  if (known ? epoch < at->second.epoch : at_.size() >= vehicles_max_) return;
  const std::size_t number = number_of(edge);
  if (number == kEdgesMax) return;
  if (!known) {
    at = at_.emplace_hint(at, vehicle, Place{});
    at->second.number = static_cast<std::uint32_t>(at_.size() - 1);
  }
  Place& place = at->second;
  if (!known || epoch > place.epoch || number != place.edge) ++changes_;
  place.epoch = epoch;
  place.edge = static_cast<std::uint16_t>(number);
}

std::size_t VehiclePlaces::number_of(const std::string& edge) {
  const auto at = edge_numbers_.find(edge);
  if (at != edge_numbers_.end()) return at->second;
  if (edges_.size() == kEdgesMax) return kEdgesMax;
  edges_.push_back(edge);
  return edge_numbers_[edge] = edges_.size() - 1;
}

const std::string* VehiclePlaces::edge_of(const std::string& vehicle) const {
  const auto at = at_.find(vehicle);
  return at == at_.end() ? nullptr : &edges_[at->second.edge];
}

}  // namespace wayside::bridge::core
