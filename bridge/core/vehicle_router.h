// Which edge a vehicle is at: the one that last showed it ONLINE, else the only edge of a region.
//
// Owns     vehicle → (edge, presence epoch).   Thread   one.   Durable  no: after a restart the region decides
// until presence is seen again.   Limits   vehicles_max; beyond it a vehicle that is not known stays unknown.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/types.h"

namespace wayside::bridge::core {

struct EdgeName {
  std::string name;
  std::string region;
  std::vector<std::string> adopts = {};  // edges whose spools it may take over; "*": any
};

class VehicleRouter {
 public:
  VehicleRouter(std::vector<EdgeName> edges, std::size_t vehicles_max)
      : edges_(std::move(edges)), vehicles_max_(vehicles_max) {}

  // An accepted record on v1/<id>/presence. The higher epoch wins; OFFLINE moves nobody.
  void on_presence(const std::string& edge, ByteView payload);
  [[nodiscard]] std::optional<std::string> edge_of(const std::string& vehicle, const std::string& region) const;
  [[nodiscard]] bool serves_region(const std::string& region) const;
  [[nodiscard]] std::size_t vehicles() const { return at_.size(); }

 private:
  struct Place {
    std::string edge;
    std::uint64_t epoch = 0;
  };
  std::vector<EdgeName> edges_;
  std::size_t vehicles_max_;
  std::map<std::string, Place> at_;
};

}  // namespace wayside::bridge::core
