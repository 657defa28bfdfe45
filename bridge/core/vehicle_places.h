// At which edge a vehicle was last seen ONLINE, and the file that keeps it beside the core log: who stays connected
// says it once, maybe months before the core is started again, and must be found by the first command after that.
//
//   "WSPLACE1" · u32 version (1) · 16 uuid of the core log · u64 as of, event lane
//   u32 n · n x s8 edge · u32 n · n x (s8 vehicle · u16 edge · u64 presence epoch)
//   u64 checksum (FNV-1a 64 of everything before)
//
// What it says was true once, of whatever log: the epochs tell the newer of two. `as of` only shortens recovery.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::bridge::core {

// v1/<id>/presence
bool is_presence(std::string_view topic);

// Owns     vehicle → (edge, presence epoch).   Thread   one.
// Durable  as of the last store_places(); the event lane of the core log has what came after.
// Limits   vehicles_max; beyond it a vehicle that is not known stays unknown.
class VehiclePlaces {
 public:
  explicit VehiclePlaces(std::size_t vehicles_max) : vehicles_max_(vehicles_max) {}

  // The payload of a record on v1/<id>/presence that came from `edge`. The higher epoch wins; OFFLINE moves nobody.
  void note(const std::string& edge, ByteView presence);
  void put(const std::string& vehicle, const std::string& edge, std::uint64_t epoch);
  // nullptr: never seen.
  [[nodiscard]] const std::string* edge_of(const std::string& vehicle) const;
  [[nodiscard]] std::size_t vehicles() const { return at_.size(); }
  // Vehicles that came or moved since kept().
  [[nodiscard]] std::size_t changes() const { return changes_; }
  void kept() { changes_ = 0; }

  struct Place {
    std::string edge;
    std::uint64_t epoch = 0;
  };
  [[nodiscard]] const std::map<std::string, Place>& all() const { return at_; }

 private:
  std::size_t vehicles_max_;
  std::map<std::string, Place> at_;
  std::size_t changes_ = 0;
};

// Which core log a file of places is of, and up to where its event lane is in it.
struct PlacesAsOf {
  SpoolUuid log;
  Offset below{};
};

Bytes encode_places(const VehiclePlaces& places, const PlacesAsOf& as_of);
// Into `places`; on an error some may be in it, which is no harm.
Result<PlacesAsOf> decode_places(ByteView bytes, VehiclePlaces& places);

// Durable when it returns ok.
Result<void> store_places(Disk& disk, const std::string& dir, const VehiclePlaces& places, const PlacesAsOf& as_of);
// nullopt: there is none.
Result<std::optional<PlacesAsOf>> load_places(Disk& disk, const std::string& dir, VehiclePlaces& places);

}  // namespace wayside::bridge::core
