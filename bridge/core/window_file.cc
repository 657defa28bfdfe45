#include "bridge/core/window_file.h"

#include "bridge/core/seal.h"
#include "common/whole_file.h"

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kMagic = "WSSEEN01";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kBytesMax = 1U << 30U;
constexpr const char* kName = "source-ids.window";

Error corrupt() { return {Fault::corrupt, "the window of source ids is damaged"}; }

}  // namespace

void put_seen(WireWriter& out, const std::vector<SeenVehicle>& vehicles) {
  out.number(vehicles.size(), 4);
  for (const SeenVehicle& seen : vehicles) {
    out.text(seen.vehicle, 1);
    out.number(seen.ids.size(), 2);
    for (const std::uint64_t id : seen.ids) out.number(id, 8);
  }
}

std::vector<SeenVehicle> get_seen(WireReader& in) {
  std::vector<SeenVehicle> vehicles;
  for (std::uint64_t n = in.number(4); n > 0 && !in.failed(); --n) {
    SeenVehicle& seen = vehicles.emplace_back();
    seen.vehicle = in.text(1);
    for (std::uint64_t m = in.number(2); m > 0 && !in.failed(); --m) seen.ids.push_back(in.number(8));
  }
  return vehicles;
}

Bytes encode_windows(const StoredWindows& windows) {
  Bytes bytes;
  WireWriter out(bytes);
  out.raw(as_bytes(kMagic));
  out.number(kVersion, 4);
  for (const StoredWindow& window : windows) {
    out.number(window.as_of.value, 8);
    out.raw(window.digest.value_or(Digest{}).bytes);
    put_seen(out, window.seen);
  }
  seal(bytes);
  return bytes;
}

Result<StoredWindows> decode_windows(ByteView bytes) {
  const std::optional<ByteView> body = unseal(bytes, kMagic);
  if (!body) return corrupt();
  WireReader in(*body);
  (void)in.raw(kMagic.size());
  if (in.number(4) != kVersion) return Error{Fault::unsupported, "the window of source ids is of another version"};
  StoredWindows windows;
  for (StoredWindow& window : windows) {
    window.as_of = {in.number(8)};
    in.fill(window.digest.emplace().bytes);
    window.seen = get_seen(in);
  }
  if (!in.done()) return corrupt();
  return windows;
}

Result<void> store_windows(Disk& disk, const std::string& dir, const StoredWindows& windows) {
  return store_whole(disk, dir, kName, encode_windows(windows));
}

Result<std::optional<StoredWindows>> load_windows(Disk& disk, const std::string& dir) {
  Result<std::optional<Bytes>> bytes = load_whole(disk, dir, kName, kBytesMax);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<StoredWindows>();
  Result<StoredWindows> windows = decode_windows(**bytes);
  if (!windows) return windows.error();
  return std::optional<StoredWindows>(std::move(*windows));
}

}  // namespace wayside::bridge::core
