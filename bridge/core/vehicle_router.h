// Which edge gets the requests for a vehicle: the one that last showed it ONLINE, else the only edge of a region.
//
// Owns     nothing: the places are lent.   Thread   one.   Durable  -   Limits  -
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bridge/core/vehicle_places.h"

namespace wayside::bridge::core {

struct EdgeName {
  std::string name;
  std::string region;
  std::vector<std::string> adopts = {};  // edges whose spools it may take over; "*": any
};

class VehicleRouter {
 public:
  VehicleRouter(std::vector<EdgeName> edges, const VehiclePlaces& places) : edges_(std::move(edges)), places_(places) {}

  // A place at an edge that is not one of the region's, or no more, is none.
  [[nodiscard]] std::optional<std::string> edge_of(const std::string& vehicle, const std::string& region) const;
  [[nodiscard]] bool serves_region(const std::string& region) const;

 private:
  std::vector<EdgeName> edges_;
  const VehiclePlaces& places_;
};

}  // namespace wayside::bridge::core
