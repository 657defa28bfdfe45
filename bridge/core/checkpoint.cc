#include "bridge/core/checkpoint.h"

#include "bridge/core/seal.h"
#include "bridge/core/wire.h"
#include "common/whole_file.h"

namespace wayside::bridge::core {
namespace {

constexpr std::string_view kMagic = "WSCHECK1";
constexpr std::uint32_t kVersion = 1;
constexpr std::uint32_t kVersionWithWindows = 2;
constexpr std::uint64_t kBytesMax = 1U << 30U;
constexpr const char* kName = "standings.checkpoint";

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

Error corrupt() { return {Fault::corrupt, "the checkpoint of the core log is damaged"}; }

}  // namespace

Bytes encode_checkpoint(const Checkpoint& checkpoint) {
  Bytes bytes;
  WireWriter out(bytes);
  out.raw(as_bytes(kMagic));
  out.number(kVersion, 4);
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
  seal(bytes);
  return bytes;
}

Result<Checkpoint> decode_checkpoint(ByteView bytes) {
  const std::optional<ByteView> body = unseal(bytes, kMagic);
  if (!body) return corrupt();
  WireReader in(*body);
  (void)in.raw(kMagic.size());
  const std::uint64_t version = in.number(4);
  if (version != kVersion && version != kVersionWithWindows) {
    return Error{Fault::unsupported, "the checkpoint of the core log is of another version"};
  }
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
  if (version == kVersionWithWindows) {
    out.windows.emplace();
    for (const Lane lane : kAllLanes) {
      (*out.windows)[index_of(lane)] = {out.accounted[index_of(lane)], std::nullopt, get_seen(in)};
    }
  }
  if (!in.done()) return corrupt();
  return out;
}

Result<void> store_checkpoint(Disk& disk, const std::string& dir, const Checkpoint& checkpoint) {
  return store_whole(disk, dir, kName, encode_checkpoint(checkpoint));
}

Result<std::optional<Checkpoint>> load_checkpoint(Disk& disk, const std::string& dir) {
  Result<std::optional<Bytes>> bytes = load_whole(disk, dir, kName, kBytesMax);
  if (!bytes) return bytes.error();
  if (!*bytes) return std::optional<Checkpoint>();
  Result<Checkpoint> checkpoint = decode_checkpoint(**bytes);
  if (!checkpoint) return checkpoint.error();
  return std::optional<Checkpoint>(std::move(*checkpoint));
}

}  // namespace wayside::bridge::core
