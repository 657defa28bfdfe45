// The file that keeps the vehicles' places beside the core log, `vehicles.places`:
//
//   "WSPLACE1" · u32 version (1) · 16 uuid of the core log · u64 as of, event lane
//   u32 n · n x s8 edge · u32 n · n x (s8 vehicle · u16 edge · u64 presence epoch)
//   u64 checksum (FNV-1a 64 of everything before)
//
// Those of a million vehicles are 28 MB, and no command may wait for all of that: the file is written beside its place
// a piece at a time, one a turn, while vehicles go on moving. Which vehicles are in it is settled when it is begun;
// where each is, when its piece is written, which may be later than `as of`. That is no harm: what the file says was
// true once, of whatever log, and the epochs tell the newer of two. `as of` only shortens recovery.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "bridge/core/seal.h"
#include "bridge/core/vehicle_places.h"
#include "common/disk.h"
#include "common/result.h"
#include "common/types.h"

namespace wayside::bridge::core {

// Which core log a file of places is of, and up to where its event lane is in it.
struct PlacesAsOf {
  SpoolUuid log;
  Offset below{};
};

enum class Piece : std::uint8_t {
  more,
  last,
  overtaken,  // a vehicle is at an edge that the table in front does not have: the file is to be begun anew
};

// Owns     how far the file is.   Thread   that of the places, which outlive it.   Durable  -
// Limits   vehicles_a_piece: of so many, and of those that came since, a piece tells no more.
class PlacesEncoder {
 public:
  PlacesEncoder(const VehiclePlaces& places, const PlacesAsOf& as_of, std::size_t vehicles_a_piece);

  // The next piece, in place of what is in `out`. Not to be called again once it was not `more`.
  Piece next(Bytes& out);

 private:
  void begin(Bytes& out) const;

  const VehiclePlaces& places_;
  PlacesAsOf as_of_;
  std::size_t vehicles_a_piece_;
  std::size_t vehicles_;  // that are in it: those with a lower number
  std::size_t edges_;
  VehiclePlaces::Places::const_iterator at_;
  bool begun_ = false;
  Checksum checksum_;
};

// Owns     the file beside its place until it is done.   Thread   that of the places, which outlive it.
// Durable  when done(); until then the file before stays as it is.
// Limits   a piece a call.
class PlacesWriter {
 public:
  PlacesWriter(Disk& disk, std::string dir, const VehiclePlaces& places, const PlacesAsOf& as_of,
               std::size_t vehicles_a_piece);

  // Writes a piece and syncs it: a sync of all of them at the end would be the wait that the pieces are to avoid. After
  // an error nothing more can be done with it, and nothing of it is left on a disk that lets itself be written.
  Result<void> write_piece();
  [[nodiscard]] bool done() const { return done_; }
  [[nodiscard]] Offset below() const { return as_of_.below; }
  // Of the places, when it was begun: for VehiclePlaces::kept().
  [[nodiscard]] std::size_t changes() const { return changes_; }

 private:
  Result<void> open();
  Result<void> put(ByteView bytes);
  Result<void> take_place();
  Result<void> try_piece();

  Disk& disk_;
  std::string dir_;
  const VehiclePlaces& places_;
  PlacesAsOf as_of_;
  std::size_t vehicles_a_piece_;
  std::size_t changes_;
  std::optional<PlacesEncoder> encoder_;
  std::unique_ptr<DiskFile> file_;
  std::uint64_t bytes_ = 0;
  bool told_ = false;  // all of it is written
  bool done_ = false;
};

// Into `places`; on an error some may be in it, which is no harm.
Result<PlacesAsOf> decode_places(ByteView bytes, VehiclePlaces& places);
// nullopt: there is none.
Result<std::optional<PlacesAsOf>> load_places(Disk& disk, const std::string& dir, VehiclePlaces& places);

}  // namespace wayside::bridge::core
