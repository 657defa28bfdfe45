#include "bridge/core/checkpoint.h"

#include <algorithm>

#include "bridge/core/wire.h"

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kMagic = "WSCHECK1";
constexpr std::uint32_t kVersionWithoutSeen = 1;
constexpr std::uint32_t kVersion = 2;
constexpr std::uint64_t kBytesMax = 1U << 30U;
constexpr const char* kName = "standings.checkpoint";

std::uint64_t checksum(ByteView bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001B3ULL;
  return hash;
}

void put(WireWriter& out, const spool::Totals& totals) {
  for (const auto part : {totals.delivered, totals.compacted, totals.resent, totals.expired, totals.lost}) {
    out.number(part, 8);
  }
}

spool::Totals get_totals(WireReader& in) {
  spool::Totals totals;
  for (auto* part : {&totals.delivered, &totals.compacted, &totals.resent, &totals.expired, &totals.lost}) {
    *part = in.number(8);
  }
  return totals;
}

void put(WireWriter& out, const LaneKey& key, const spool::Standing& standing) {
  out.raw(key.first.bytes);
  out.number(index_of(key.second), 1);
  out.number(standing.next.value, 8);
  out.raw(standing.digest.bytes);
  put(out, standing.totals);
  out.number(standing.cohorts.size(), 2);
  for (const auto& [cohort, totals] : standing.cohorts) {
    out.text(cohort, 1);
    put(out, totals);
  }
}

bool get_standing(WireReader& in, Standings& out) {
  SpoolUuid uuid;
  in.fill(uuid.bytes);
  const std::uint64_t lane = in.number(1);
  spool::Standing standing;
  standing.next = {in.number(8)};
  in.fill(standing.digest.bytes);
  standing.totals = get_totals(in);
  for (std::uint64_t n = in.number(2); n > 0 && !in.failed(); --n) {
    std::string cohort = in.text(1);
    standing.cohorts[std::move(cohort)] = get_totals(in);
  }
  if (in.failed() || lane >= kLanes || standing.totals.sum() != standing.next.value) return false;
  out.put(uuid, static_cast<Lane>(lane), std::move(standing));
  return true;
}

void put(WireWriter& out, const std::vector<SeenVehicle>& vehicles) {
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

Error corrupt() { return {Fault::corrupt, "the checkpoint of the core log is damaged"}; }

}  // namespace

Bytes encode_checkpoint(const Checkpoint& checkpoint) {
  Bytes bytes;
  WireWriter out(bytes);
  out.raw(as_bytes(kMagic));
  // Without a window it is what every version reads.
  const bool seen =
      std::any_of(checkpoint.seen.begin(), checkpoint.seen.end(), [](const auto& of) { return !of.empty(); });
  out.number(seen ? kVersion : kVersionWithoutSeen, 4);
  for (const Lane lane : kAllLanes) {
    out.number(checkpoint.accounted[index_of(lane)].value, 8);
    out.number(checkpoint.scan_from[index_of(lane)].value, 8);
  }
  out.number(checkpoint.next_sequence, 8);
  out.number(checkpoint.standings.edges().size(), 4);
  for (const auto& [uuid, edge] : checkpoint.standings.edges()) {
    out.raw(uuid.bytes);
    out.text(edge, 1);
  }
  out.number(checkpoint.standings.lanes().size(), 4);
  for (const auto& [key, standing] : checkpoint.standings.lanes()) put(out, key, standing);
  if (seen) {
    for (const auto& vehicles : checkpoint.seen) put(out, vehicles);
  }
  out.number(checksum(bytes), 8);
  return bytes;
}

Result<Checkpoint> decode_checkpoint(ByteView bytes) {
  if (bytes.size() < kMagic.size() + 12) return corrupt();
  const ByteView body = bytes.first(bytes.size() - 8);
  WireReader in(body);
  if (WireReader(bytes.last(8)).number(8) != checksum(body) || as_text(in.raw(kMagic.size())) != kMagic) {
    return corrupt();
  }
  const std::uint64_t version = in.number(4);
  if (version < kVersionWithoutSeen || version > kVersion)
    return Error{Fault::unsupported, "the checkpoint of the core log: version"};
  Checkpoint out;
  for (const Lane lane : kAllLanes) {
    out.accounted[index_of(lane)] = {in.number(8)};
    out.scan_from[index_of(lane)] = {in.number(8)};
  }
  out.next_sequence = in.number(8);
  for (std::uint64_t n = in.number(4); n > 0 && !in.failed(); --n) {
    SpoolUuid uuid;
    in.fill(uuid.bytes);
    (void)out.standings.bind(uuid, in.text(1), nullptr);
  }
  for (std::uint64_t n = in.number(4); n > 0; --n) {
    if (!get_standing(in, out.standings)) return corrupt();
  }
  if (version > kVersionWithoutSeen) {
    for (auto& vehicles : out.seen) vehicles = get_seen(in);
  }
  if (!in.done()) return corrupt();
  return out;
}

Result<void> store_checkpoint(Disk& disk, const std::string& dir, const Checkpoint& checkpoint) {
  const std::string path = dir + "/" + kName;
  const std::string fresh = path + ".new";
  const Result<bool> left_over = disk.exists(fresh);
  if (!left_over) return left_over.error();
  if (*left_over) {
    if (Result<void> removed = disk.remove(fresh); !removed) return removed;
  }
  Result<std::unique_ptr<DiskFile>> file = disk.open(fresh, OpenMode::create_new);
  if (!file) return file.error();
  if (Result<void> written = (*file)->pwrite(encode_checkpoint(checkpoint), 0); !written) return written;
  if (Result<void> synced = (*file)->fdatasync(); !synced) return synced;
  if (Result<void> renamed = disk.rename(fresh, path); !renamed) return renamed;
  return disk.fsync_dir(dir);
}

Result<std::optional<Checkpoint>> load_checkpoint(Disk& disk, const std::string& dir) {
  const std::string path = dir + "/" + kName;
  const Result<bool> there = disk.exists(path);
  if (!there) return there.error();
  if (!*there) return std::optional<Checkpoint>();
  Result<std::unique_ptr<DiskFile>> file = disk.open(path, OpenMode::read);
  if (!file) return file.error();
  const Result<std::uint64_t> size = (*file)->size();
  if (!size) return size.error();
  if (*size > kBytesMax) return corrupt();
  Bytes bytes;
  if (Result<void> read = (*file)->pread(bytes, *size, 0); !read) return read.error();
  Result<Checkpoint> checkpoint = decode_checkpoint(bytes);
  if (!checkpoint) return checkpoint.error();
  return std::optional<Checkpoint>(std::move(*checkpoint));
}

}  // namespace wayside::bridge::core
