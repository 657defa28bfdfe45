#include "bridge/core/vehicle_places.h"

#include <algorithm>
#include <vector>

#include "bridge/core/seal.h"
#include "bridge/core/wire.h"
#include "common/whole_file.h"
#include "schemas/messages.h"

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kMagic = "WSPLACE1";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kBytesMax = 8ULL << 30U;
constexpr const char* kName = "vehicles.places";

Error corrupt() { return {Fault::corrupt, "the file of the vehicles' places is damaged"}; }

}  // namespace

bool is_presence(std::string_view topic) {
  return topic.starts_with("v1/") && topic.ends_with("/presence") && std::count(topic.begin(), topic.end(), '/') == 2;
}

void VehiclePlaces::note(const std::string& edge, ByteView presence) {
  const Outcome<schemas::PresenceMessage> message = schemas::parse_presence(presence);
  if (message && message.value().online) put(message.value().vehicle, edge, message.value().epoch);
}

void VehiclePlaces::put(const std::string& vehicle, const std::string& edge, std::uint64_t epoch) {
  const auto at = at_.find(vehicle);
  if (at == at_.end() && at_.size() >= vehicles_max_) return;
  if (at != at_.end() && epoch < at->second.epoch) return;
  if (at == at_.end() || epoch > at->second.epoch || edge != at->second.edge) ++changes_;
  at_[vehicle] = {edge, epoch};
}

const std::string* VehiclePlaces::edge_of(const std::string& vehicle) const {
  const auto at = at_.find(vehicle);
  return at == at_.end() ? nullptr : &at->second.edge;
}

Bytes encode_places(const VehiclePlaces& places, const PlacesAsOf& as_of) {
  std::map<std::string, std::size_t> edges;
  for (const auto& [vehicle, place] : places.all()) edges.emplace(place.edge, 0);
  Bytes bytes;
  WireWriter out(bytes);
  out.raw(as_bytes(kMagic));
  out.number(kVersion, 4);
  out.raw(as_of.log.bytes);
  out.number(as_of.below.value, 8);
  out.number(edges.size(), 4);
  std::size_t index = 0;
  for (auto& [edge, number] : edges) {
    number = index++;
    out.text(edge, 1);
  }
  out.number(places.vehicles(), 4);
  for (const auto& [vehicle, place] : places.all()) {
    out.text(vehicle, 1);
    out.number(edges.at(place.edge), 2);
    out.number(place.epoch, 8);
  }
  seal(bytes);
  return bytes;
}

Result<PlacesAsOf> decode_places(ByteView bytes, VehiclePlaces& places) {
  const std::optional<ByteView> body = unseal(bytes, kMagic);
  if (!body) return corrupt();
  WireReader in(*body);
  (void)in.raw(kMagic.size());
  if (in.number(4) != kVersion)
    return Error{Fault::unsupported, "the file of the vehicles' places is of another version"};
  PlacesAsOf as_of;
  in.fill(as_of.log.bytes);
  as_of.below = {in.number(8)};
  std::vector<std::string> edges;
  for (std::uint64_t n = in.number(4); n > 0 && !in.failed(); --n) edges.push_back(in.text(1));
  for (std::uint64_t n = in.number(4); n > 0 && !in.failed(); --n) {
    const std::string vehicle = in.text(1);
    const std::uint64_t edge = in.number(2);
    const std::uint64_t epoch = in.number(8);
    if (in.failed() || edge >= edges.size()) return corrupt();
    places.put(vehicle, edges[edge], epoch);
  }
  if (!in.done()) return corrupt();
  return as_of;
}

Result<void> store_places(Disk& disk, const std::string& dir, const VehiclePlaces& places, const PlacesAsOf& as_of) {
  return store_whole(disk, dir, kName, encode_places(places, as_of));
}

Result<std::optional<PlacesAsOf>> load_places(Disk& disk, const std::string& dir, VehiclePlaces& places) {
  Result<std::optional<Bytes>> bytes = load_whole(disk, dir, kName, kBytesMax);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<PlacesAsOf>();
  Result<PlacesAsOf> as_of = decode_places(**bytes, places);
  if (!as_of) return as_of.error();
  return std::optional<PlacesAsOf>(*as_of);
}

}  // namespace wayside::bridge::core
