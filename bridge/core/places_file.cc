#include "bridge/core/places_file.h"

#include <utility>
#include <vector>

#include "bridge/core/wire.h"
#include "common/whole_file.h"

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kMagic = "WSPLACE1";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kBytesMax = 8ULL << 30U;
constexpr const char* kName = "vehicles.places";

Error corrupt() { return {Fault::corrupt, "the file of the vehicles' places is damaged"}; }

}  // namespace

PlacesEncoder::PlacesEncoder(const VehiclePlaces& places, const PlacesAsOf& as_of, std::size_t vehicles_a_piece)
    : places_(places),
      as_of_(as_of),
      vehicles_a_piece_(vehicles_a_piece),
      vehicles_(places.vehicles()),
      edges_(places.edges().size()),
      at_(places.all().begin()) {}

Piece PlacesEncoder::next(Bytes& out) {
  out.clear();
  if (!std::exchange(begun_, true)) begin(out);
  WireWriter writer(out);
  const auto end = places_.all().end();
  for (std::size_t n = 0; n < vehicles_a_piece_ && at_ != end; ++n, ++at_) {
    const auto& [vehicle, place] = *at_;
    if (place.number >= vehicles_) continue;  // came since
    if (place.edge >= edges_) return Piece::overtaken;
    writer.text(vehicle, 1);
    writer.number(place.edge, 2);
    writer.number(place.epoch, 8);
  }
  checksum_.add(out);
  if (at_ != end) return Piece::more;
  checksum_.put(out);
  return Piece::last;
}

void PlacesEncoder::begin(Bytes& out) const {
  WireWriter writer(out);
  writer.raw(as_bytes(kMagic));
  writer.number(kVersion, 4);
  writer.raw(as_of_.log.bytes);
  writer.number(as_of_.below.value, 8);
  writer.number(edges_, 4);
  for (const std::string& edge : places_.edges()) writer.text(edge, 1);
  writer.number(vehicles_, 4);
}

PlacesWriter::PlacesWriter(Disk& disk, std::string dir, const VehiclePlaces& places, const PlacesAsOf& as_of,
                           std::size_t vehicles_a_piece)
    : disk_(disk),
      dir_(std::move(dir)),
      places_(places),
      as_of_(as_of),
      vehicles_a_piece_(vehicles_a_piece),
      changes_(places.changes()) {}

Result<void> PlacesWriter::write_piece() {
  WAYSIDE_ASSERT(!done_);
  Result<void> written = try_piece();
  if (written) return written;
  file_.reset();
  (void)disk_.remove(dir_ + "/" + kName + std::string(kBesideSuffix));  // the disk may be full: not of this
  return written;
}

Result<void> PlacesWriter::try_piece() {
  if (told_) return take_place();
  if (!encoder_) {
    if (Result<void> opened = open(); !opened) return opened;
  }
  Bytes bytes;
  const Piece piece = encoder_->next(bytes);
  if (piece == Piece::overtaken) {  // as often as edges come, which are few
    encoder_.reset();
    return {};
  }
  told_ = piece == Piece::last;
  return put(bytes);
}

// Also where one was begun before and not done, here or by a process that died.
Result<void> PlacesWriter::open() {
  const std::string beside = dir_ + "/" + kName + std::string(kBesideSuffix);
  file_.reset();
  bytes_ = 0;
  const Result<bool> stale = disk_.exists(beside);
  if (!stale) return stale.error();
  if (*stale) {
    if (Result<void> removed = disk_.remove(beside); !removed) return removed;
  }
  Result<std::unique_ptr<DiskFile>> file = disk_.open(beside, OpenMode::create_new);
  if (!file) return std::move(file).error();
  file_ = std::move(*file);
  encoder_.emplace(places_, as_of_, vehicles_a_piece_);
  return {};
}

Result<void> PlacesWriter::put(ByteView bytes) {
  if (Result<void> written = file_->pwrite(bytes, bytes_); !written) return written;
  bytes_ += bytes.size();
  return file_->fdatasync();
}

// A turn of its own: a file system takes some milliseconds to give back what the file before had.
Result<void> PlacesWriter::take_place() {
  const std::string path = dir_ + "/" + kName;
  if (Result<void> renamed = disk_.rename(path + std::string(kBesideSuffix), path); !renamed) return renamed;
  file_.reset();
  if (Result<void> synced = disk_.fsync_dir(dir_); !synced) return synced;
  done_ = true;
  return {};
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

Result<std::optional<PlacesAsOf>> load_places(Disk& disk, const std::string& dir, VehiclePlaces& places) {
  Result<std::optional<Bytes>> bytes = load_whole(disk, dir, kName, kBytesMax);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<PlacesAsOf>();
  Result<PlacesAsOf> as_of = decode_places(**bytes, places);
  if (!as_of) return as_of.error();
  return std::optional<PlacesAsOf>(*as_of);
}

}  // namespace wayside::bridge::core
