// At which edge a vehicle was last seen ONLINE: who stays connected says it once, maybe months before the core is
// started again, and must be found by the first command after that. places_file.h keeps it beside the core log.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/types.h"

namespace wayside::bridge::core {

// v1/<id>/presence
bool is_presence(std::string_view topic);

// Owns     vehicle → (edge, presence epoch). A vehicle that came stays.   Thread   one.
// Durable  as of the last PlacesWriter that was done; the event lane of the core log has what came after.
// Limits   vehicles_max, kEdgesMax; beyond them a vehicle that is not known stays unknown.
class VehiclePlaces {
 public:
  static constexpr std::size_t kEdgesMax = 65'536;

  explicit VehiclePlaces(std::size_t vehicles_max) : vehicles_max_(vehicles_max) {}

  // The payload of a record on v1/<id>/presence that came from `edge`. The higher epoch wins; OFFLINE moves nobody.
  void note(const std::string& edge, ByteView presence);
  void put(const std::string& vehicle, const std::string& edge, std::uint64_t epoch);
  // Until the next put(). nullptr: never seen.
  [[nodiscard]] const std::string* edge_of(const std::string& vehicle) const;
  [[nodiscard]] std::size_t vehicles() const { return at_.size(); }
  // Vehicles that came or moved, without those that kept() was told of.
  [[nodiscard]] std::size_t changes() const { return changes_; }
  void kept(std::size_t changes) { changes_ -= changes; }

  struct Place {
    std::uint64_t epoch = 0;
    std::uint32_t number = 0;  // how many vehicles came before this one
    std::uint16_t edge = 0;    // in edges()
  };
  using Places = std::map<std::string, Place>;
  [[nodiscard]] const Places& all() const { return at_; }
  // In the order in which they came.
  [[nodiscard]] const std::vector<std::string>& edges() const { return edges_; }

 private:
  // kEdgesMax: there is no room for it.
  std::size_t number_of(const std::string& edge);

  std::size_t vehicles_max_;
  Places at_;
  std::vector<std::string> edges_;
  std::map<std::string, std::size_t> edge_numbers_;
  std::size_t changes_ = 0;
};

}  // namespace wayside::bridge::core
